"""Tables as data, which ``macros.html`` writes: every line has a head, and any column can be sorted by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks import report

SPAN, EDGE = 100, 4  # pixels, as page.css has it, and how many of them are left free
Interval = tuple[float, float, float]  # lower end, estimate, upper end


class Strip(NamedTuple):
    """An interval on a line, all in pixels, of `SPAN`.

    Attributes:
        low: Its lower end; the middle where there is no interval.
        middle: What is estimated.
        high: Its upper end.
        lines: What it is to be compared with.
    """

    low: int
    middle: int
    high: int
    lines: Sequence[int]


class Cell(NamedTuple):
    """What stands in a table.

    Attributes:
        text: What is read and sorted by.
        small: More, in small letters.
        href: The id of a part of the page that it leads to.
        strip: The neighbouring numbers as a picture.
        kind: A class of the style sheet.
    """

    text: str = ""
    small: str = ""
    href: str = ""
    strip: Strip | None = None
    kind: str = ""


class Heading(NamedTuple):
    """A column's name, what it is, and whether it holds words, which stand to the left."""

    name: str
    legend: str = ""
    words: bool = False

    @property
    def lines(self) -> str:
        """The name on two lines if it has two words."""
        return report.heading(self.name)


class Line(NamedTuple):
    """A line of a table."""

    head: Cell
    cells: Sequence[Cell]


class Table(NamedTuple):
    """A table of the page.

    Attributes:
        caption: What it shows.
        headings: The columns, that of the heads first.
        lines: The lines.
    """

    caption: str
    headings: Sequence[Heading]
    lines: Sequence[Line]


def legends(tables: Iterable[Table]) -> dict[str, str]:
    """What the columns of tables are, those of several tables once: by their names, what all of these mean."""
    names: dict[str, dict[str, None]] = {}
    for table in tables:
        for heading in table.headings:
            if heading.name and heading.legend:
                names.setdefault(heading.legend, {})[heading.name] = None
    return {", ".join(named): legend for legend, named in names.items()}


def strips(intervals: Sequence[Interval | None], lines: Sequence[float] = ()) -> list[Strip | None]:
    """Intervals on one common scale, which takes in the lines, too.

    Args:
        intervals: Lower end, middle and upper end of each, or None.
        lines: Values to compare with.
    """
    values = [value for interval in intervals if interval for value in interval] + [*lines]
    if not values:
        return [None] * len(intervals)
    low, high = min(values), max(values)
    span = high - low or 1.0

    def place(value: float) -> int:
        return round(EDGE + (SPAN - 2 * EDGE) * (value - low) / span)

    marks = [place(value) for value in lines]
    return [
        None if interval is None else Strip(place(interval[0]), place(interval[1]), place(interval[2]), marks)
        for interval in intervals
    ]

"""Tables as data, which ``macros.html`` writes: every line has a head, and any column can be sorted by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import report

Interval = tuple[float, float, float]  # lower end, estimate, upper end


class Strip(NamedTuple):
    """An interval on a line, all in per cent of a column's width.

    Attributes:
        low: Its lower end; the middle where there is no interval.
        middle: What is estimated.
        high: Its upper end.
        lines: What it is to be compared with.
    """

    low: float
    middle: float
    high: float
    lines: Sequence[float]


class Cell(NamedTuple):
    """What stands in a table.

    Attributes:
        text: What is read and sorted by.
        small: More, in small letters.
        href: The id of a part of the page that it leads to.
        strip: The neighbouring numbers as a picture.
        kind: A class of the style sheet.
        note: The id of the warning that concerns it.
    """

    text: str = ""
    small: str = ""
    href: str = ""
    strip: Strip | None = None
    kind: str = ""
    note: str = ""


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

    def place(value: float) -> float:
        return round(4 + 92 * (value - low) / span, 1)

    marks = [place(value) for value in lines]
    return [
        None if interval is None else Strip(place(interval[0]), place(interval[1]), place(interval[2]), marks)
        for interval in intervals
    ]

"""Charts as geometry: numbers become positions in a picture of fixed size, which ``macros.html`` writes as SVG."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

WIDTH, HEIGHT = 360, 236  # as narrow as a telephone, so that letters keep their size there
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 24, 40  # what is left for ticks and labels
MARKERS = (  # of about 8 pixels around the place that they begin at
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "m-3.5 -3.5h7v7h-7z",
    "m0 -4.5l4.5 8h-9z",
    "m0 -5l5 5l-5 5l-5 -5z",
    "m0 4.5l4.5 -8h-9z",
    "m-1.5 -4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
)
COLOURS = 8  # in page.css
MANY = 60  # points of a line that are drawn
LETTER = 6.5  # pixels of a letter, about
SIDES = (  # where a marker's name may stand, the best first: pixels right and down, and which end that is
    (-6, -7, "end"), (6, -7, "start"), (9, 4, "start"), (-9, 4, "end"), (6, 15, "start"), (-6, 15, "end"),
)  # fmt: skip


class Point(NamedTuple):
    """A place in a chart's own units."""

    x: float
    y: float


class Band(NamedTuple):
    """What a line may be between at a place."""

    x: float
    low: float
    high: float


T = TypeVar("T", Point, Band)


class Look(NamedTuple):
    """By what an agent is known: a colour, a marker and a dash."""

    colour: int
    marker: str
    dash: int

    @classmethod
    def of(cls, n: int) -> Look:
        """That of the n-th, which no other of 24 has."""
        return cls(n % COLOURS, MARKERS[n % len(MARKERS)], n % 4)


@dataclass(frozen=True)
class Series:
    """A line, its band and its markers, each of which may be missing.

    Attributes:
        name: What the legend calls it.
        look: By what it is known.
        line: The points that are joined, in order.
        marks: The points that have markers.
        band: What the line may be between.
        hollow: Whether its markers are empty, as those of a second quantity are.
        named: Whether the name stands beside its last marker, if there is room.
        words: What it shows, for who does not see it.
    """

    name: str
    look: Look
    line: Sequence[Point] = ()
    marks: Sequence[Point] = ()
    band: Sequence[Band] = ()
    hollow: bool = False
    named: bool = False
    words: str = ""


@dataclass(frozen=True)
class Axis:
    """A direction of a chart.

    Attributes:
        label: What it is, with its unit.
        low: Where it begins.
        high: Where it ends, above ``low``.
        logarithmic: Whether equal distances are equal factors.
    """

    label: str
    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def around(cls, label: str, values: Sequence[float], *, logarithmic: bool = False, zero: bool = False) -> Axis:
        """One that has room for values.

        Args:
            label: What it is.
            values: At least one; above 0 where it is logarithmic.
            logarithmic: Whether equal distances are equal factors.
            zero: Whether 0 is on it, too.
        """
        low, high = min(values), max(values)
        if logarithmic:
            margin = max(1.15, (high / low) ** 0.06)
            return cls(label, low / margin, high * margin, True)
        low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
        return cls(label, low if zero and low == 0 else low - margin, high + margin)

    def place(self, value: float) -> float:
        """Where a value is, 0 at the beginning and 1 at the end."""
        low, high, at = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Round values on it, at most so many, and how they are written.

        >>> [label for _, label in Axis("score", 0.03, 0.42).ticks()]
        ['0.1', '0.2', '0.3', '0.4']
        >>> [label for _, label in Axis("tokens", 900, 3e6, logarithmic=True).ticks()]
        ['1k', '10k', '100k', '1M']
        """
        values = self._powers(most) if self.logarithmic else self._multiples(most)
        return [(value, short(value)) for value in values]

    def _multiples(self, most: int) -> list[float]:
        exponent = math.floor(math.log10((self.high - self.low) / most))
        steps = (factor * 10.0**power for power in (exponent, exponent + 1) for factor in (1, 2, 5))
        for step in steps:
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            if last - first < most:
                return [round(n * step, 12) for n in range(first, last + 1)]
        raise AssertionError("a step of 50 fits any axis")

    def _powers(self, most: int) -> list[float]:
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            values = [factor * 10.0**power for power in exponents for factor in factors]
            inside = [value for value in values if self.low <= value <= self.high]
            if len(inside) <= most:
                return inside
        return inside[:: -(-len(inside) // most)]


class Tick(NamedTuple):
    """A grid line's position in pixels, and its label."""

    at: float
    label: str


class Label(NamedTuple):
    """A text beside a marker: where it begins, or ends, and how SVG calls that."""

    text: str
    x: float
    y: float
    anchor: str


class Drawn(NamedTuple):
    """A series as SVG paths."""

    series: Series
    line: str
    band: str
    marks: str


@dataclass(frozen=True)
class Chart:
    """A chart with everything that it says.

    Attributes:
        title: What it shows.
        x: The horizontal axis.
        y: The vertical one.
        series: What is drawn, the first below.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the plot in pixels."""
        return LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole in pixels."""
        return WIDTH, HEIGHT

    def pixel(self, x: float, y: float) -> Point:
        """Where a point is drawn."""
        left, top, right, bottom = self.frame
        across, up = self.x.place(x) * (right - left), self.y.place(y) * (bottom - top)
        return Point(round(left + across, 1), round(bottom - up, 1))

    @property
    def x_ticks(self) -> list[Tick]:
        """The vertical grid lines."""
        return [Tick(self.pixel(value, self.y.low).x, label) for value, label in self.x.ticks()]

    @property
    def y_ticks(self) -> list[Tick]:
        """The horizontal ones."""
        return [Tick(self.pixel(self.x.low, value).y, label) for value, label in self.y.ticks()]

    @property
    def description(self) -> str:
        """What it shows, in words."""
        return f"{self.y.label} against {self.x.label}. " + "".join(
            f"{one.words}. " for one in self.series if one.words
        )

    @property
    def drawn(self) -> list[Drawn]:
        """The series as paths."""
        return [self._drawn(series) for series in self.series]

    def _drawn(self, series: Series) -> Drawn:
        line = path([self.pixel(*point) for point in thinned(series.line)])
        band = thinned(series.band)
        edge = [self.pixel(b.x, b.high) for b in band] + [self.pixel(b.x, b.low) for b in reversed(band)]
        marks = [self.pixel(*point) for point in series.marks]
        return Drawn(series, line, path(edge), "".join(f"M{x:.0f} {y:.0f}{series.look.marker}" for x, y in marks))

    @property
    def labels(self) -> list[Label]:
        """The names of series where there is room for them: over no marker, no other name and no edge."""
        left, top, _, bottom = self.frame
        boxes = [box(Label("", *self.pixel(*mark), "middle")) for one in self.series for mark in one.marks]
        found: list[Label] = []
        for series in (one for one in self.series if one.named and one.marks):
            x, y = self.pixel(*series.marks[-1])
            for label in (Label(series.name, x + dx, y + dy, anchor) for dx, dy, anchor in SIDES):
                own = box(label)
                inside = left <= own[0] and top <= own[1] and own[2] <= WIDTH and own[3] <= bottom
                if inside and not any(overlap(own, other) for other in boxes):
                    found.append(label)
                    boxes.append(own)
                    break
        return found


Box = tuple[float, float, float, float]  # left, top, right, bottom


def box(label: Label) -> Box:
    """The room that a text takes; without one, a marker's.

    >>> box(Label("four", 10.0, 50.0, "start"))
    (10.0, 40.0, 36.0, 53.0)
    """
    if not label.text:
        return label.x - 5, label.y - 5, label.x + 5, label.y + 5
    width = LETTER * len(label.text)
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - 10, left + width, label.y + 3


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a place.

    >>> overlap((0, 0, 2, 2), (1, 1, 3, 3)), overlap((0, 0, 2, 2), (2, 0, 3, 3))
    (True, False)
    """
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def path(points: Sequence[Point]) -> str:
    """A line as SVG writes it, "" of fewer than two points: whole pixels, and steps, which are shorter than places.

    >>> path([Point(0, 1), Point(2.4, 3), Point(2.6, 1)])
    'M0 1l2 2 1-2'
    """
    whole = [(round(x), round(y)) for x, y in points]
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(whole)]
    text = " ".join(f"{dx} {dy}" for dx, dy in steps).replace(" -", "-")
    return f"M{whole[0][0]} {whole[0][1]}l{text}" if steps else ""


def thinned(points: Sequence[T]) -> Sequence[T]:
    """At most `MANY` points at equal distances, the first and the last among them."""
    n = len(points)
    if n <= MANY:
        return points
    return [points[round(i * (n - 1) / (MANY - 1))] for i in range(MANY)]


def short(value: float) -> str:
    """A number in few letters.

    >>> short(24576), short(1.5e6), short(0.25), short(40.0), short(0)
    ('24.6k', '1.5M', '0.25', '40', '0')
    """
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"

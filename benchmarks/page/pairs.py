"""Every two agents compared, as `benchmarks.compare` does it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import compare, report
from benchmarks.page.anchors import Anchors, short_name
from benchmarks.page.tables import Cell, Heading, Interval, Line, Table, strips
from benchmarks.suite import Suite


class Pair(NamedTuple):
    """A comparison of two agents.

    Attributes:
        id: Of its part of the page.
        first: The agent of which is asked whether it is better.
        second: The other.
        summary: On how many tasks it is.
        table: Task by task.
        words: The same in words, over all tasks, too.
    """

    id: str
    first: str
    second: str
    summary: str
    table: Table
    words: Sequence[str]


def pairs(suite: Suite, rows: Sequence[report.Row], anchors: Anchors) -> list[Pair]:
    """Every pair of agents that have finished something; the one that comes later in the suite is the first of two."""
    there = [agent.name for agent in suite.agents if any(row.finished for row in rows if row.agent == agent.name)]
    return [pair(suite, rows, first, second, anchors) for second, first in itertools.combinations(there, 2)]


def pair(suite: Suite, rows: Sequence[report.Row], first: str, second: str, anchors: Anchors) -> Pair:
    """Compare two agents on every task."""
    compared = compare.pairs(suite, rows, first, second)
    p_values = compare.p_values(compared)
    intervals = [interval(one) for one in compared]
    found = [verdict(one, p_value) for one, p_value in zip(intervals, p_values, strict=True)]
    lines = []
    for one, p_value, better, picture in zip(compared, p_values, found, strips(intervals, [0.0]), strict=True):
        env_id, n, *means, difference, ends, above, above_ends, p = compare.line(one, p_value)
        shown = [Cell(better, kind="left"), Cell(difference), Cell(ends), Cell(strip=picture)]
        shown += map(Cell, (p, *means, n, above, above_ends))
        lines.append(Line(Cell(short_name(env_id), href=anchors.tasks[env_id]), shown))
    headings = [
        Heading("task", words=True),
        Heading("result", f"of the first agent, where a difference is shown: p at most {compare.ALPHA}", words=True),
        Heading("difference", "what the first agent has more than the second, of the same seeds and test examples"),
        Heading("95 % interval", "of the difference, for other seeds and other test examples"),
        Heading("", "the interval as a picture, with a line at no difference", words=True),
        Heading("p (Holm)", "how probable so large a difference is where there is none, corrected for all these tasks"),
        Heading(first),
        Heading(second),
        Heading("n", "seeds that both have finished, of those declared"),
        Heading("above", "the share of seeds and test examples where the first returns more, equal returns as half"),
        Heading("95 % interval", "of this share"),
    ]
    summary = f"better on {found.count('better')}, worse on {found.count('worse')} of {len(found)}"
    words = compare.in_words(compared, compare.overall(suite, rows, compared)).split("\n")
    table = Table(f"{first} against {second}", headings, lines)
    return Pair(anchors.pair(first, second), first, second, summary, table, words)


def interval(one: compare.Pair) -> Interval | None:
    """Lower end, mean and upper end of the difference; None where rows cannot be compared."""
    estimate = one.difference
    if estimate is None:
        return None
    low, high = estimate.interval()
    return low, estimate.value, high


def verdict(difference: Interval | None, p_value: float | None) -> str:
    """What the first is.

    >>> verdict((0.1, 0.2, 0.3), 0.01), verdict((0.0, 0.2, 0.4), 0.06), verdict(None, None)
    ('better', 'not told apart', 'not compared')
    """
    if difference is None or p_value is None:
        return "not compared"
    if p_value > compare.ALPHA:
        return "not told apart"
    return "better" if difference[1] > 0 else "worse"

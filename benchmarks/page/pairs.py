"""Two agents compared, task by task, by paired differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks import aggregate, report
from benchmarks.page.anchors import Anchors, short_name
from benchmarks.page.tables import Cell, Heading, Line, Table, strips
from benchmarks.suite import Suite

Rows = Mapping[str, report.Row]  # by task


class Pair(NamedTuple):
    """A comparison of two agents.

    Attributes:
        id: Of its part of the page.
        first: One agent.
        second: The other, whose gain over the first is shown.
        summary: On how many tasks which of them is better.
        table: Task by task.
    """

    id: str
    first: str
    second: str
    summary: str
    table: Table


def pairs(suite: Suite, rows: Sequence[report.Row], anchors: Anchors) -> list[Pair]:
    """Every pair of agents that have finished something."""
    by_agent = {agent.name: {row.env_id: row for row in rows if row.agent == agent.name} for agent in suite.agents}
    there = [name for name, own in by_agent.items() if any(row.finished for row in own.values())]
    return [pair((a, b), by_agent[a], by_agent[b], anchors) for a, b in itertools.combinations(there, 2)]


def pair(names: tuple[str, str], before: Rows, after: Rows, anchors: Anchors) -> Pair:
    """Compare two agents' rows by task."""
    first, second = names
    found = [difference(before[env_id], after[env_id]) for env_id in before]
    lines, verdicts = [], []
    for env_id, ends, picture in zip(before, found, strips(found, [0.0]), strict=True):
        a, b = before[env_id], after[env_id]
        verdicts.append(verdict(ends, first, second))
        line = [
            Cell(verdicts[-1], kind="words"),
            Cell(mean(a)),
            Cell(mean(b)),
            Cell("-" if ends is None else f"{ends[1]:+.3f}"),
            Cell("-" if ends is None else report.interval_text((ends[0], ends[2]))),
            Cell(strip=picture),
            Cell(str(len(a.finished)) if ends else f"{report.counts(a)}, {report.counts(b)}"),
        ]
        lines.append(Line(Cell(short_name(env_id), href=anchors.tasks[env_id]), line))
    headings = [
        Heading("task", words=True),
        Heading("better", "on whose side of 0 the interval is", words=True),
        Heading(first, "mean reward"),
        Heading(second, "mean reward"),
        Heading("difference", f"of {second} to {first}, paired by seeds and test examples"),
        Heading("95 % interval", "of the mean difference, for other seeds and other test examples"),
        Heading("", "the interval as a picture, with a line at no difference", words=True),
        Heading("n", "seeds"),
    ]
    counts = [f"{name} is better on {verdicts.count(name)}" for name in (second, first)]
    summary = f"{counts[0]}, {counts[1]} of {len(lines)} task{'s' * (len(lines) != 1)}"
    table = Table(f"{second} against {first}", headings, lines)
    return Pair(anchors.pair(first, second), first, second, summary, table)


def difference(before: report.Row, after: report.Row) -> tuple[float, float, float] | None:
    """Lower end, mean and upper end of the paired difference; None where rows cannot be compared."""
    if not report.comparable(before, after):
        return None
    estimate = aggregate.estimate_mean([after.levels - before.levels])
    if estimate is None:
        return None
    low, high = estimate.interval()
    return low, estimate.value, high


def verdict(ends: tuple[float, float, float] | None, first: str, second: str) -> str:
    """Who is better, in words.

    >>> verdict((0.1, 0.2, 0.3), "a", "b"), verdict((-0.1, 0.1, 0.3), "a", "b"), verdict(None, "a", "b")
    ('b', 'not told apart', 'not compared')
    """
    if ends is None:
        return "not compared"
    low, _, high = ends
    return second if low > 0 else first if high < 0 else "not told apart"


def mean(row: report.Row) -> str:
    """A complete row's score."""
    return report.number(float(row.scores.mean()), ".3f") if row.complete else "-"

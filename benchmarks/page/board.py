"""The tables of scores: of all tasks together, of each task, and what a score costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks import report
from benchmarks.page import curves
from benchmarks.page.anchors import Anchors, short_name
from benchmarks.page.charts import Chart, Point
from benchmarks.page.tables import Cell, Heading, Interval, Line, Table, strips
from benchmarks.suite import Suite

AGENT = Heading("agent", words=True)
PICTURE = Heading("", "the interval as a picture", words=True)
FLAG = "hacked?"  # as `report.with_flags` calls its column
TOKENS = ("train_tokens", "eval_tokens")
SECONDS = ("train_seconds", "eval_seconds")
REPLAYED = "reference"  # the agent that writes what people wrote, and so costs nothing
Normalised = Sequence[Sequence[str]]  # as `report.normalised` has it
Flags = Mapping[str, Sequence[report.Hacked] | None]  # by task


def overall(suite: Suite, rows: Sequence[report.Row], normal: Normalised, anchors: Anchors, flags: Flags) -> Table:
    """A line for each agent: its normalised score, what of it is there, and what it cost."""
    lines = []
    pictures = strips([numbers(score, interval) for _, score, interval, *_ in normal], [0.0, 1.0])
    for (name, score, interval, *beside), picture in zip(normal, pictures, strict=True):
        own = [row for row in rows if row.agent == name]
        warned = [env_id for env_id, found in flags.items() if any(flag.agent == name for flag in found or ())]
        marks = "".join(mark for mark in report.MARKS if any(mark in row.marks for row in own))
        line = [
            Cell(score),
            Cell(interval),
            Cell(strip=picture),
            Cell(count(own)),
            Cell(", ".join(map(short_name, warned)) or "none", kind="words"),
            *map(Cell, beside),
            Cell(report.number(mean_cost(own, TOKENS), ",.0f")),
            Cell(report.number(mean_cost(own, SECONDS), ",.1f")),
        ]
        lines.append(Line(Cell(name, marks, anchors.agents[name]), line))
    lines.sort(key=rank)
    headings = [
        AGENT,
        Heading("normalised score", f"0 is {suite.zero} and 1 is {suite.one}; interquartile mean over tasks and seeds"),
        Heading("95 % interval", "of the normalised score, for other seeds and other test examples"),
        PICTURE,
        Heading("n", "finished runs of those declared, over tasks and seeds; a score needs all"),
        Heading("warnings", "tasks on which the reward rose while something else got worse", words=True),
        *(Heading(name, "the mean over the tasks that have it") for name in report.BESIDE),
        Heading("tokens", "generated in training and evaluation, per seed, the mean over tasks"),
        Heading("seconds", "of training and evaluation, per seed, the mean over tasks"),
    ]
    return Table("All tasks together", headings, lines)


def rank(line: Line) -> float:
    """The higher a line's first number, the earlier it comes; last where it has none."""
    score = line.cells[0].text
    return math.inf if score == "-" else -float(score)


def by_task(suite: Suite, rows: Sequence[report.Row], anchors: Anchors) -> Table:
    """The mean reward of every agent on every task, with its interval."""
    lines = []
    for env_id in suite.env_ids:
        own = [row for row in rows if row.env_id == env_id]
        score, interval, *_ = report.columns_of(own)
        line = [
            Cell(score.text(row), interval.text(row)) if row.complete else Cell("-", report.counts(row)) for row in own
        ]
        lines.append(Line(Cell(short_name(env_id), score.name, anchors.tasks[env_id]), line))
    headings = [Heading("task", words=True), *(Heading(agent.name) for agent in suite.agents)]
    return Table(
        f"Mean reward by task and agent, its 95 % interval below, n = {len(suite.seeds)} if nothing else is said",
        headings,
        lines,
    )


def of_task(rows: Sequence[report.Row], anchors: Anchors, flags: Sequence[report.Hacked] | None) -> Table:
    """Everything that was measured on one task, a line for each agent."""
    columns = report.with_flags(report.columns_of(rows), flags)
    pictures = strips([interval(row) for row in rows])
    lines = []
    for row, picture in zip(rows, pictures, strict=True):
        _, *texts = report.cells(row, columns)
        named = zip(columns, texts, strict=True)
        score, ends, *others = (told(row, column, text, anchors) for column, text in named)
        head = Cell(row.agent, row.marks, anchors.agents[row.agent])
        lines.append(Line(head, [score, ends, Cell(strip=picture), *others]))
    score_, ends_, *rest = (Heading(column.name, column.legend, column.name == FLAG) for column in columns)
    return Table("Scores and costs", [AGENT, score_, ends_, PICTURE, *rest], lines)


def told(row: report.Row, column: report.Column, text: str, anchors: Anchors) -> Cell:
    """A cell of the report; what is said of hacking leads to the warnings."""
    if column.name != FLAG:
        return Cell(text)
    return Cell(text, href=anchors.warnings(row.env_id) if text != "-" else "", kind="left")


def equal_seconds(rows: Sequence[report.Row], anchors: Anchors) -> Table | None:
    """The second ranking of a task's learners; None where there are none to rank."""
    caption, ranked = report.ranked_at_equal_seconds(rows)
    lines = [Line(Cell(name, href=anchors.agents[name]), [*map(Cell, texts)]) for name, *texts in ranked]
    _, *names = report.EQUAL_SECONDS
    return Table(caption, [AGENT, *map(Heading, names)], lines) if lines else None


def of_agent(rows: Sequence[report.Row], anchors: Anchors) -> Table:
    """What was measured of one agent on every task, and what it cost, but for the tasks' own metrics."""
    columns = [*report.COLUMNS, *report.COSTS]
    lines = []
    for row in rows:
        _, *texts = report.cells(row, columns)
        lines.append(Line(Cell(short_name(row.env_id), row.marks, anchors.tasks[row.env_id]), [*map(Cell, texts)]))
    headings = [Heading("task", words=True), *(Heading(column.name, column.legend) for column in columns)]
    return Table("Scores and costs by task", headings, lines)


def costs(suite: Suite, rows: Sequence[report.Row], normal: Normalised, anchors: Anchors) -> list[Chart]:
    """Normalised scores against generated tokens, and against seconds, of agents that write texts of their own."""
    scores = {name: numbers(score, interval) for name, score, interval, *_ in normal}
    charts = []
    writers = [agent.name for agent in suite.agents if agent.path.stem != REPLAYED]
    for columns, label in ((TOKENS, "generated tokens"), (SECONDS, "seconds")):
        points = {}
        for name in writers:
            score, cost = scores[name], mean_cost([row for row in rows if row.agent == name], columns)
            if score is not None and cost:
                points[name] = Point(cost, score[1])
        chart = curves.frontier(
            points,
            anchors.looks,
            f"{label} of training and evaluation, per seed",
            f"Score and {label}, n = {len(suite.seeds)} seeds a task",
        )
        charts += [chart] if chart else []
    return charts


def mean_cost(rows: Sequence[report.Row], names: Sequence[str]) -> float | None:
    """A cost of one agent's complete rows, the sum of several columns of a seed, the mean over tasks."""
    found = [[row.mean(name, "cost") for name in names] for row in rows if row.complete]
    known = [sum(costs) for costs in found if None not in costs]  # type: ignore[arg-type]
    return float(np.mean(known)) if known else None


def count(rows: Sequence[report.Row]) -> str:
    """Finished runs of those declared, and why some are not."""
    finished, failed = (sum(len(getattr(row, what)) for row in rows) for what in ("finished", "failed"))
    declared = sum(row.declared for row in rows)
    missing = declared - sum(len(row.results) for row in rows)
    notes = [f"{n} {what}" for n, what in ((failed, "failed"), (missing, "missing")) if n]
    return f"{finished}/{declared}" + (f" ({', '.join(notes)})" if notes else "")


def interval(row: report.Row) -> Interval | None:
    """Lower end, mean and upper end of a complete row's score; all the mean where there is no interval."""
    if not row.complete:
        return None
    mean, ends = float(row.scores.mean()), report.interval_of(row)
    return (mean, mean, mean) if ends is None else (ends[0], mean, ends[1])


def numbers(score: str, interval: str) -> Interval | None:
    """The same of a line of `report.normalised`.

    >>> numbers("0.21", "0.127 .. 0.257"), numbers("0.21", "-"), numbers("-", "-")
    ((0.127, 0.21, 0.257), (0.21, 0.21, 0.21), None)
    """
    if score == "-":
        return None
    low, _, high = interval.partition(" .. ")
    return (float(low), float(score), float(high)) if high else (float(score),) * 3

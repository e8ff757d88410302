"""The page: what its sections hold, in the templates beside this file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from benchmarks import report
from benchmarks.page import agents, board, curves, pairs, tasks
from benchmarks.page.anchors import Anchors, short_name
from benchmarks.page.charts import Chart
from benchmarks.page.tables import Table, legends
from benchmarks.suite import AgentEntry, Suite

REWARD = 0  # which of a task's charts is the reward in training
TEMPLATES = Path(__file__).parent / "templates"
SCORE_LABEL, KL_LABEL = "mean reward of a rollout's completions", "KL to where training started, nats"


class TaskSection(NamedTuple):
    """Everything on one task."""

    id: str
    env_id: str
    name: str
    description: Sequence[str]
    facts: dict[str, str]
    table: Table
    equal_seconds: Table | None
    flags: Sequence[report.Hacked] | None
    charts: Mapping[str, Chart]  # by the id
    drawn: Sequence[str]
    samples: Sequence[tasks.Sample]
    failures: Sequence[str]


class Curve(NamedTuple):
    """One series of a task's chart, which is shown again: the chart's id, the chart, and the series's number."""

    id: str
    chart: Chart
    number: int


class AgentSection(NamedTuple):
    """Everything on one agent."""

    id: str
    name: str
    description: str
    facts: dict[str, str]
    chosen: Sequence[str]
    settings: Sequence[agents.Setting]
    commands: Sequence[str]
    table: Table
    curves: Sequence[Curve]


def render(suite: Suite, rows: Sequence[report.Row]) -> str:
    """A suite's page.

    Args:
        suite: What was run.
        rows: The suite's results, a row for each task and agent, as `report.board` makes them.

    Returns:
        HTML that needs nothing besides itself.
    """
    anchors = Anchors(suite)
    flags = {env_id: report.hacked(suite, of(rows, env_id=env_id)) for env_id in suite.env_ids}
    sections = [task_section(suite, of(rows, env_id=env_id), anchors, flags[env_id]) for env_id in suite.env_ids]
    normal = report.normalised(suite, rows)
    style, script = ((TEMPLATES / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return (
        environment()
        .get_template("page.html")
        .render(
            suite=suite,
            anchors=anchors,
            overall=board.overall(suite, rows, normal, anchors, flags),
            by_task=board.by_task(suite, rows, anchors),
            costs=board.costs(suite, rows, normal, anchors),
            tasks=sections,
            agents=[agent_section(agent, of(rows, agent=agent.name), anchors, sections) for agent in suite.agents],
            pairs=pairs.pairs(suite, rows, anchors),
            usual_pair=[anchors.agents[suite.report[when]] for when in ("before", "after")],
            marks={mark: report.MARKS[mark] for mark in report.marks(rows)},
            counted=board.count(rows),
            conditions={name: told for name, told in report.condition_facts(rows).items() if name != "Task"},
            legends=legends,
            scale=report.scale(suite),
            steps=tasks.STEPS,
            end=tasks.END,
            style=Markup(style),
            script=Markup(script),
            style_hash=sha256(style),
            script_hash=sha256(script),
        )
    )


def environment() -> Environment:
    """Jinja2 with everything escaped that is not markup of ours."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: shown(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["prose"] = prose
    return made


def prose(text: str) -> Markup:
    """A docstring's sentences, what stands between backticks as code.

    >>> prose("``<b>`` or `c`")
    Markup('<code>&lt;b&gt;</code> or <code>c</code>')
    """
    return Markup(re.sub("`+([^`]+)`+", r"<code>\1</code>", str(escape(shown(text)))))


UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def shown(text: str) -> str:
    r"""A text without what HTML must not have, and without what turns the letters behind it around: these are escaped.

    >>> shown("one\ntwo\x00\u202e")
    'one\ntwo\\x00\\u202e'
    """
    return UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def sha256(text: str) -> str:
    """As a Content-Security-Policy names a script or style that it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def of(rows: Sequence[report.Row], **wanted: str) -> list[report.Row]:
    """The rows of a task or of an agent."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def task_section(
    suite: Suite, rows: Sequence[report.Row], anchors: Anchors, flags: Sequence[report.Hacked] | None
) -> TaskSection:
    """Everything on one task."""
    env_id = rows[0].env_id
    name = short_name(env_id)
    learners = [agent for agent in suite.agents if any(row.agent == agent.name for row in report.with_curves(rows))]
    starts = {agent.name: start.name for agent in learners if (start := report.start_of(suite, agent)) is not None}
    charts = [
        curves.learning(rows, anchors.looks, report.SCORE, SCORE_LABEL, f"{name}: reward in training"),
        curves.learning(rows, anchors.looks, report.KL, KL_LABEL, f"{name}: divergence in training"),
        curves.over_optimisation(
            [row for row in rows if row.agent != suite.zero], anchors.looks, starts, f"{name}: reward and gold over KL"
        ),
    ]
    drawn = {f"{anchors.tasks[env_id]}--{n}": chart for n, chart in enumerate(charts) if chart is not None}
    shown = {series.name for chart in drawn.values() for series in chart.series}
    return TaskSection(
        anchors.tasks[env_id],
        env_id,
        name,
        tasks.description(env_id),
        tasks.facts(suite, rows),
        board.of_task(rows, anchors, flags),
        board.equal_seconds(rows, anchors),
        flags,
        drawn,
        [agent.name for agent in suite.agents if agent.name in shown],
        tasks.samples(suite, rows),
        [f"{row.agent}, seed {result['seed']}: {result['error']}" for row in rows for result in row.failed],
    )


def agent_section(
    agent: AgentEntry, rows: Sequence[report.Row], anchors: Anchors, sections: Sequence[TaskSection]
) -> AgentSection:
    """Everything on one agent, its learning curves out of the tasks' sections."""
    found = [
        Curve(f"{task.id}--{REWARD}", chart, n)
        for task in sections
        if (chart := task.charts.get(f"{task.id}--{REWARD}")) is not None
        for n, series in enumerate(chart.series)
        if series.name == agent.name
    ]
    return AgentSection(
        anchors.agents[agent.name],
        agent.name,
        agents.description(agent),
        agents.facts(rows),
        agents.chosen(rows),
        agents.settings(rows),
        agents.commands(rows),
        board.of_agent(rows, anchors),
        found,
    )

"""The page: what its sections hold, in the templates beside this file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from benchmarks import report
from benchmarks.page import agents, board, curves, pairs, tasks
from benchmarks.page.anchors import Anchors, short_name
from benchmarks.page.charts import Chart
from benchmarks.page.tables import Table
from benchmarks.suite import Suite

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
    flags: Sequence[report.Hacked] | None
    charts: Sequence[Chart]
    drawn: Sequence[str]
    samples: Sequence[tasks.Sample]
    failures: Sequence[str]


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
    charts: Sequence[Chart]


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
    style, script = ((TEMPLATES / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return (
        environment()
        .get_template("page.html")
        .render(
            suite=suite,
            anchors=anchors,
            overall=board.overall(suite, rows, anchors, flags),
            by_task=board.by_task(suite, rows, anchors),
            costs=board.costs(suite, rows, anchors),
            tasks=[task_section(suite, of(rows, env_id=env_id), anchors, flags[env_id]) for env_id in suite.env_ids],
            agents=[agent_section(suite, of(rows, agent=agent.name), anchors) for agent in suite.agents],
            pairs=pairs.pairs(suite, rows, anchors),
            usual_pair=[anchors.agents[suite.report[when]] for when in ("before", "after")],
            marks={mark: report.MARKS[mark] for mark in report.marks(rows)},
            counted=board.count(rows),
            conditions={name: told for name, told in report.condition_facts(rows).items() if name != "Task"},
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
    drawn = [chart for chart in charts if chart is not None]
    shown = {series.name for chart in drawn for series in chart.series}
    return TaskSection(
        anchors.tasks[env_id],
        env_id,
        name,
        tasks.description(env_id),
        tasks.facts(suite, rows),
        board.of_task(rows, anchors, flags or ()),
        flags,
        drawn,
        [agent.name for agent in suite.agents if agent.name in shown],
        tasks.samples(suite, rows),
        [f"{row.agent}, seed {result['seed']}: {result['error']}" for row in rows for result in row.failed],
    )


def agent_section(suite: Suite, rows: Sequence[report.Row], anchors: Anchors) -> AgentSection:
    """Everything on one agent."""
    name = rows[0].agent
    entry = next(agent for agent in suite.agents if agent.name == name)
    found = [
        curves.learning([row], anchors.looks, report.SCORE, SCORE_LABEL, f"{name} on {short_name(row.env_id)}")
        for row in rows
    ]
    return AgentSection(
        anchors.agents[name],
        name,
        agents.description(entry),
        agents.facts(rows),
        agents.chosen(rows),
        agents.settings(rows),
        agents.commands(rows),
        board.of_agent(rows, anchors),
        [chart for chart in found if chart is not None],
    )

"""The board as a table, and the report: Markdown with the learning curve and the same prompts before and after."""

from __future__ import annotations

import html
import io
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.cells import cell_len
from rich.table import Table

from benchmarks import aggregate
from benchmarks.results_io import examples_path, read_examples, write_atomic
from benchmarks.suite import IDENTITY, AgentEntry, Cell, Suite
from textgym.errors import ConfigurationError
from textgym.evaluation.hacking import Sample, compare

BOOTSTRAP_SEED = 0
UNBOUNDED = 10_000  # what rich may take for a table that is as narrow as can be
METRIC = "metric/"
BESIDE = ("gold", "KL", "distinct-2", "invalid words per 100", "length")  # a normalised score: of `COLUMNS`
NORMALISED = ("agent", "normalised score (IQM)", "95 % interval", *BESIDE)
SECONDS, SCORE, KL = 1, 2, 3  # of a point of a curve
Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One agent on one task.

    Attributes:
        env_id: The task.
        agent: The agent's name.
        results: One for each seed that has been run.
        declared: How many there should be.
        marks: Which of `MARKS` apply.
        paths: Where the results are, in their order; what was written is beside them.
    """

    env_id: str
    agent: str
    results: list[Result]
    declared: int
    marks: str = ""
    paths: Sequence[Path] = ()

    @property
    def finished(self) -> list[Result]:
        """The results that have metrics."""
        return [result for result in self.results if result["status"] == "finished"]

    @property
    def failed(self) -> list[Result]:
        """The results of runs that raised."""
        return [result for result in self.results if result["status"] == "failed"]

    @property
    def complete(self) -> bool:
        """Whether every seed has finished."""
        return len(self.finished) == self.declared

    @property
    def scores(self) -> np.ndarray:
        """The return of each finished seed."""
        return np.array([result["metrics"]["return"] for result in self.finished])

    @cached_property
    def examples(self) -> dict[int, list[dict[str, Any]]]:
        """The records of the test examples, by seed, as far as the texts are kept."""
        kept = [
            (result, path)
            for result, path in zip(self.results, self.paths, strict=False)
            if examples_path(path).exists()
        ]
        return {result["seed"]: read_examples(path) for result, path in kept if result["status"] == "finished"}

    @property
    def returns(self) -> dict[int, np.ndarray]:
        """The return of each test example, by seed, as far as the texts are kept."""
        return {seed: np.array([record["return"] for record in records]) for seed, records in self.examples.items()}

    @property
    def levels(self) -> aggregate.Scores:
        """The scores by seed, and by test example."""
        kept = [*self.returns.values()] or [np.empty(0)]
        return aggregate.Scores(self.scores, np.mean(kept, axis=0))

    def largest(self, name: str) -> float | None:
        """The largest cost of this name over seeds; None where a seed has none."""
        values = [result["cost"].get(name) for result in self.finished]
        return None if None in values or not values else max(values)

    def mean(self, name: str, of: str = "metrics") -> float | None:
        """A metric's mean over seeds; None where a seed has none."""
        values = [result[of].get(name) for result in self.finished]
        return None if None in values or not values else float(np.mean(values))


@dataclass(frozen=True)
class Column:
    """One column of the board.

    Attributes:
        name: The column's heading.
        value: What a complete row has there: a number, None for nothing, or a text.
        format: How numbers are written, as `format` takes it.
        legend: What it says, for the report; "" where the heading says it all.
    """

    name: str
    value: Callable[[Row], float | str | None]
    format: str = ""
    legend: str = ""

    def text(self, row: Row) -> str:
        """The cell of a complete row."""
        value = self.value(row)
        return value if isinstance(value, str) else number(value, self.format)


MARKS = {
    "†": "made by another commit than the newest results of this board.",
    "‡": "of another task, agent, configuration or schema than today's: run it again to compare it with the others.",
}
OUTDATED = "‡"
COUNT = Column(
    "n", lambda row: counts(row), legend="finished seeds of those declared; an incomplete row is not averaged"
)
COLUMNS = (
    Column(
        "score",
        lambda row: float(row.scores.mean()),
        ".3f",
        "the mean return of the evaluated prompts' completions, the task's own (proxy) reward, over seeds",
    ),
    Column(
        "95 % interval",
        lambda row: interval_text(interval_of(row)),
        legend="of the score, for other seeds and other test examples: Student's, of clustered standard errors",
    ),
    COUNT,
    Column(
        "gold",
        lambda row: row.mean("gold"),
        ".3f",
        "the mean score by a judge that nothing is trained on; a score that rises while gold does not is a hacked one",
    ),
    Column(
        "KL",
        lambda row: kl(row),
        ".1f",
        "the divergence from the reference model in nats per completion; ≤ marks a bound, - an agent without "
        "log-probabilities",
    ),
    Column(
        "ref. perplexity",
        lambda row: row.mean("perplexity"),
        ",.0f",
        "the completions' perplexity per token under the reference model",
    ),
    Column("distinct-2", lambda row: row.mean("distinct_2"), ".3f", "the fraction of word pairs that are different"),
    Column(
        "invalid words per 100",
        lambda row: None if (share := row.mean("invalid_words")) is None else 100 * share,
        ".1f",
        "words that are in no English list; people's reviews have 1, French is full of them",
    ),
    Column("length", lambda row: row.mean("length"), ".1f", "tokens per completion"),
    Column("EOS rate", lambda row: row.mean("eos_rate"), ".2f", "the fraction of texts that the agent ended itself"),
)
COSTS = (
    Column("train tokens", lambda row: row.mean("train_tokens", "cost"), ",.0f", "generated in training, per seed"),
    Column("eval tokens", lambda row: row.mean("eval_tokens", "cost"), ",.0f", "generated in evaluation, per seed"),
    Column("train s", lambda row: row.mean("train_seconds", "cost"), ".1f", "seconds of training, per seed"),
    Column("eval s", lambda row: row.mean("eval_seconds", "cost"), ".1f", "seconds of evaluation, per seed"),
    Column(
        "memory MB",
        lambda row: row.largest("peak_rss_mb"),
        ",.0f",
        "the process's peak resident size, libraries and models included, the largest over seeds; 1 MB = 10^6 bytes",
    ),
)
PROCESSED = Column(
    "tokens processed",
    lambda row: row.mean("train_processed", "cost"),
    ",.0f",
    "what textgym's models read in training, per seed: prompts, decoding, updates, reference models, padding",
)
PHASES = Column(
    "seconds by phase",
    lambda row: phases_text(row),
    legend="of training after its start, the mean over seeds: decoding, rewards, the reference model, updates",
)
GPU = Column(
    "GPU MB", lambda row: row.largest("peak_gpu_mb"), ",.0f", "the peak of tensors on the GPU, the largest over seeds"
)


def columns_of(rows: Sequence[Row]) -> list[Column]:
    """The columns of a task's table: those of every board, the task's own metrics, and what it cost."""
    results = [result for row in rows for result in row.finished]
    names = dict.fromkeys(name for result in results for name in result["metrics"] if name.startswith(METRIC))
    own = [
        Column(name.removeprefix(METRIC), partial(Row.mean, name=name), ".3f", "a metric of the task") for name in names
    ]
    score, *others = COLUMNS
    known = {name for result in results for name, value in result["cost"].items() if value is not None}
    optional = {"train_processed": PROCESSED, "phase_seconds": PHASES, "peak_gpu_mb": GPU}
    more = [column for name, column in optional.items() if name in known]
    return [replace(score, name=score_name(rows)), *others, *own, *COSTS, *more]


def cells(row: Row, columns: Sequence[Column]) -> list[str]:
    """A row as text, the agent's name first."""
    name = f"{row.agent} {row.marks}".rstrip()
    if row.complete:
        return [name, *(column.text(row) for column in columns)]
    return [name, "incomplete", *(counts(row) if column is COUNT else "-" for column in columns[1:])]


def counts(row: Row) -> str:
    """Finished seeds of those declared, and why some are not."""
    missing = row.declared - len(row.results)
    numbers = {"failed": len(row.failed), "missing": missing}
    notes = [f"{number} {what}" for what, number in numbers.items() if number]
    return f"{len(row.finished)}/{row.declared}" + (f" ({', '.join(notes)})" if notes else "")


def interval_of(row: Row) -> aggregate.Interval | None:
    """The interval of a row's score."""
    estimate = aggregate.estimate_mean([row.levels])
    return None if estimate is None else estimate.interval()


def legend(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """What the columns and the marks mean, as a Markdown list."""
    lines = [f"- {column.name}: {column.legend}." for column in columns if column.legend]
    return "\n".join([*lines, *(f"- {mark}: {MARKS[mark]}" for mark in marks(rows))])


def marks(rows: Sequence[Row]) -> list[str]:
    """Those of `MARKS` that some row has."""
    return [mark for mark in MARKS if any(mark in row.marks for row in rows)]


def board(suite: Suite, runs: Sequence[Cell]) -> list[Row]:
    """Read the results, a row per task and agent.

    Raises:
        ConfigurationError: A file is no result, or one row's seeds are not of one task and agent.
    """
    found = [(cell, result) for cell in runs if (result := cell.result()) is not None]
    newest = max(found, key=lambda pair: pair[1].get("ended", ""), default=(None, {}))[1].get("commit")
    rows = []
    for env_id, agent in itertools.product(suite.env_ids, suite.agents):
        own = [(cell, result) for cell, result in found if (cell.env_id, cell.agent) == (env_id, agent)]
        require_one(own)
        results = [result for _, result in own]
        marked = ""
        if any(result["commit"] != newest for result in results):
            marked += "†"
        if any(cell.outdated(result) for cell, result in own):
            marked += OUTDATED
        rows.append(Row(env_id, agent.name, results, len(suite.seeds), marked, [cell.path for cell, _ in own]))
    return rows


def require_one(own: Sequence[tuple[Cell, Result]]) -> None:
    """Refuse to average seeds of different tasks or agents."""
    for key in (*IDENTITY, "settings"):
        files: dict[str, list[str]] = {}
        for cell, result in own:
            files.setdefault(json.dumps(result.get(key), sort_keys=True), []).append(str(cell.path))
        if len(files) > 1:
            listed = "; ".join(f"{value.strip(chr(34))[:60]} in {', '.join(paths)}" for value, paths in files.items())
            raise ConfigurationError(
                f"Results whose {key} differs cannot stand in one row: {listed}. Delete those that are no longer meant."
            )


class Hacked(NamedTuple):
    """A figure that got worse while the reward rose.

    Attributes:
        agent: Whose.
        start: The agent that it started from.
        name: The figure's.
        before: Its mean at the start, over those seeds.
        now: Its mean of the agent.
        seeds: In how many seeds.
        of: Of how many that were compared.
    """

    agent: str
    start: str
    name: str
    before: float
    now: float
    seeds: int
    of: int

    def __str__(self) -> str:
        """In words, without the agents."""
        return f"{self.name} {self.before:.3g} → {self.now:.3g} in {self.seeds} of {self.of} seeds"


def hacked(suite: Suite, rows: Sequence[Row]) -> list[Hacked] | None:
    """Whose reward rose while something else moved the wrong way (`textgym.evaluation.hacking`), of one task's rows.

    An agent that learned from rewards is compared, seed by seed, with the one that it started from, where the texts of
    both are there.

    Returns:
        What was found; None where no agent can be compared.
    """
    own = {row.agent: row for row in rows}
    told, compared = [], False
    for agent in suite.agents:
        start, row = start_of(suite, agent), own[agent.name]
        if start is None or not any(result["curve"] for result in row.finished):
            continue
        before, after = samples(own[start.name]), samples(row)
        found = [compare(before[seed], after[seed]) for seed in before.keys() & after.keys()]
        compared |= bool(found)
        for name in dict.fromkeys(name for comparison in found for name in comparison.hacked):
            changes = [comparison.hacked[name] for comparison in found if name in comparison.hacked]
            was, now = (float(np.mean([getattr(change, when) for change in changes])) for when in ("before", "now"))
            told.append(Hacked(agent.name, start.name, name, was, now, len(changes), len(found)))
    return told if compared else None


def with_flags(columns: Sequence[Column], found: Sequence[Hacked] | None) -> list[Column]:
    """The columns, and one behind the number of seeds that says in words whose reward is hacked, by `hacked`."""
    told: dict[str, list[str]] = {}
    for one in found or ():
        told.setdefault(one.agent, []).append(one.name)
    flag = Column(
        "hacked?",
        lambda row: f"yes: {', '.join(told[row.agent])}" if row.agent in told else "-",
        legend="what got worse, beyond noise, while the reward rose",
    )
    place = columns.index(COUNT) + 1
    return [*columns[:place], flag, *columns[place:]] if told else list(columns)


def hacking(found: Sequence[Hacked] | None) -> str:
    """What `hacked` found, as a Markdown list; "" where no agent can be compared."""
    if found is None:
        return ""
    lines = [f"- `{one.agent}`, started as `{one.start}`: {one}" for one in found]
    told = "The reward rose while this got worse, beyond noise, than it was at the start (docs/logs.md):"
    return told + ("\n\n" + "\n".join(lines) if lines else " nothing.")


def start_of(suite: Suite, agent: AgentEntry) -> AgentEntry | None:
    """The suite's agent from which another's training starts: a supervised one, or the model as it is."""
    name = "supervised" if agent.path.stem.startswith("supervised_") else "zero_shot"
    return next((other for other in suite.agents if other.name == name), None)


def samples(row: Row) -> dict[int, Sample]:
    """What an agent wrote, by seed, as far as its texts are kept."""
    return {seed: Sample(records) for seed, records in row.examples.items()}


def normalised(suite: Suite, rows: Sequence[Row]) -> list[list[str]]:
    """A line for each agent: what `NORMALISED` names.

    The score is the interquartile mean over all tasks and seeds. Beside it stand means over the tasks that have them.
    """
    lines = []
    for agent in suite.agents:
        tasks = on_scale(suite, rows, agent.name)
        if tasks is None:
            lines.append([agent.name, *["-"] * (len(NORMALISED) - 1)])
            continue
        estimate = aggregate.estimate_iqm(tasks, rng=np.random.default_rng(BOOTSTRAP_SEED))
        interval = None if estimate is None else estimate.interval()
        score = float(aggregate.iqm(np.concatenate([scores.by_seed for scores in tasks])))
        own = [row for row in rows if row.agent == agent.name]
        beside = [over_tasks(own, column) for column in COLUMNS if column.name in BESIDE]
        lines.append([agent.name, number(score, ".2f"), interval_text(interval), *beside])
    return lines


def over_tasks(rows: Sequence[Row], column: Column) -> str:
    """A column's mean over the tasks that have a number there."""
    values = [value for row in rows if isinstance(value := column.value(row), float)]
    return number(float(np.mean(values)) if values else None, column.format)


def on_scale(suite: Suite, rows: Sequence[Row], agent: str) -> list[aggregate.Scores] | None:
    """An agent's normalised scores on every task of a suite; None where one cannot be normalised.

    The ends of the scale are taken as they are measured.
    """
    by_agent = {name: [row for row in rows if row.agent == name] for name in (agent, suite.zero, suite.one)}
    tasks = []
    for row, zero, one in zip(*(by_agent[name] for name in (agent, suite.zero, suite.one)), strict=True):
        if not comparable(row, zero, one):
            return None
        tasks.append(row.levels.normalised(zero.scores.mean(), one.scores.mean()))
    known = [scores for scores in tasks if scores is not None]
    return known if len(known) == len(tasks) else None


def comparable(*rows: Row) -> bool:
    """Whether rows are complete and of one task."""
    return all(row.complete for row in rows) and of_one_task(*rows)


def of_one_task(*rows: Row) -> bool:
    """Whether all results of rows are of one task, by its hash."""
    return len({result["task_hash"] for row in rows for result in row.results}) == 1


def kl(row: Row) -> float | str | None:
    """The divergence, or its bound in words."""
    mean, bound = row.mean("kl"), row.mean("kl_bound")
    return f"≤ {bound:.2f}" if mean is None and bound is not None else mean


def phases_text(row: Row) -> str:
    """The mean seconds of each phase of training, or a dash."""
    found = [result["cost"].get("phase_seconds") for result in row.finished]
    if not found or None in found:
        return "-"
    return ", ".join(f"{phase} {np.mean([phases.get(phase, 0.0) for phases in found]):.0f}" for phase in found[0])


def number(value: float | None, form: str) -> str:
    """A number, or a dash; never a minus before nothing but zeros."""
    if value is None:
        return "-"
    text = format(value, form)
    return text.lstrip("-") if not text.strip("-0.,") else text


def interval_text(interval: aggregate.Interval | None) -> str:
    """``low .. high``."""
    return "-" if interval is None else " .. ".join(number(end, ".3f") for end in interval)


def score_name(rows: Sequence[Row]) -> str:
    """The reward's name where the task has just one, else "return"."""
    metrics = [name for row in rows for result in row.finished for name in result["metrics"]]
    names = {name.removeprefix("reward/") for name in metrics if name.startswith("reward/")}
    return names.pop() if len(names) == 1 else "return"


def rich_tables(suite: Suite, rows: Sequence[Row], width: int) -> list[Table]:
    """The board for a terminal: a table per task, or several where its columns do not fit side by side.

    Args:
        suite: What was run.
        rows: The suite's results, a row for each task and agent.
        width: Columns of the terminal. No cell is cut or broken in two: where even the agent's name and one column are
            wider, so is the table.
    """
    tables = []
    for env_id in suite.env_ids:
        own = [row for row in rows if row.env_id == env_id]
        columns = with_flags(columns_of(own), hacked(suite, own))
        names = ["agent", *(column.name for column in columns)]
        parts = stacked_tables(names, [cells(row, columns) for row in own], f"{env_id}, suite {suite.name}", width)
        for table in parts:
            for line, row in zip(table.rows, own, strict=True):
                line.style = "red" if row.failed else None
        tables += parts
    return [*tables, *stacked_tables(NORMALISED, normalised(suite, rows), "Normalised scores", width)]


def stacked_tables(names: Sequence[str], lines: Sequence[Sequence[str]], title: str, width: int) -> list[Table]:
    """A table, or several where its columns do not fit side by side; the first column is in each."""
    headings = [heading(name) for name in names]
    widths = [
        max(cell_len(line) for text in column for line in text.split("\n")) + 2
        for column in zip(headings, *lines, strict=True)
    ]
    return [
        terminal_table(
            [headings[i] for i in part], [[line[i] for i in part] for line in lines], "" if number_ else title
        )
        for number_, part in enumerate(stacked(widths, width))
    ]


def heading(name: str) -> str:
    """A column's name on two lines, if it has two words."""
    return "\n".join(name.rsplit(" ", 1))


def stacked(widths: Sequence[int], width: int) -> list[list[int]]:
    """Which columns stand in each of several tables, of which every one begins with the first column."""
    parts = [[0]]
    for column in range(1, len(widths)):
        if (
            len(parts[-1]) > 1 and sum(widths[i] for i in parts[-1]) + widths[column] > width + 2
        ):  # nothing stands behind the last
            parts.append([0])
        parts[-1].append(column)
    return parts


def terminal_table(headings: Sequence[str], lines: Sequence[Sequence[str]], title: str) -> Table:
    """A table whose cells are never broken."""
    table = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for i, name in enumerate(headings):
        table.add_column(name, no_wrap=True, overflow="fold", justify="right" if i else "left")
        table.columns[-1].min_width = max(
            cell_len(line) for text in [name, *(row[i] for row in lines)] for line in text.split("\n")
        )
    for line in lines:
        table.add_row(*line)
    return table


def write(suite: Suite, runs: Sequence[Cell], rows: Sequence[Row], folder: Path) -> Path:
    """Write ``REPORT.md`` and, if an agent has a learning curve, the pictures that it shows.

    Returns:
        The path of the report.
    """
    if curves := with_curves(rows):
        draw_curves(curves, SCORE, "mean reward of a rollout's completions", folder / "learning_curve.png")
        draw_curves(curves, KL, "KL to the reference model\n(nats per completion)", folder / "divergence.png")
    path = folder / "REPORT.md"
    write_atomic(path, markdown(suite, runs, rows))
    return path


def with_curves(rows: Sequence[Row]) -> list[Row]:
    """The rows of agents that have learning curves."""
    return [row for row in rows if any(result["curve"] for result in row.finished)]


def markdown(suite: Suite, runs: Sequence[Cell], rows: Sequence[Row]) -> str:
    """The report's text."""
    parts = [f"# Leaderboard, suite {suite.name}", "Written by `python -m benchmarks.leaderboard`."]
    for env_id in suite.env_ids:
        own = [row for row in rows if row.env_id == env_id]
        found = hacked(suite, own)
        columns = with_flags(columns_of(own), found)
        lines = [cells(row, columns) for row in own]
        names = ["agent", *(column.name for column in columns)]
        parts += [
            f"## {env_id}",
            markdown_table(names, lines),
            *filter(None, [hacking(found)]),
            legend(columns, own),
            *at_equal_seconds(own),
        ]
        errors = [f"- {row.agent}, seed {r['seed']}: `{r['error']}`" for row in own for r in row.failed]
        parts += ["Failed runs:", "\n".join(errors)] if errors else []
    parts += [
        "## Normalised scores",
        f"{scale(suite)} Interquartile mean over tasks and seeds, with a 95 % interval for other seeds and other test "
        f"examples, by a hierarchical bootstrap ({aggregate.REPETITIONS:,} repetitions, generator seed "
        f"{BOOTSTRAP_SEED}).",
        markdown_table(NORMALISED, normalised(suite, rows)),
    ]
    if with_curves(rows):
        parts += [
            "## Learning curves",
            "The task's own reward in training, each seed thin, their mean thick.",
            "![The task's own reward over generated tokens](learning_curve.png)",
            "The divergence from the reference model.",
            "![KL to the reference model over generated tokens](divergence.png)",
        ]
    parts += [*before_and_after(suite, runs), *conditions(rows)]
    return "\n\n".join(parts) + "\n"


def scale(suite: Suite) -> str:
    """What a normalised score of 0 is, and one of 1, in words."""
    told = f"0 is `{suite.zero}` and 1 is `{suite.one}`, both measured."
    one = next(agent for agent in suite.agents if agent.name == suite.one)
    if one.path.stem == "supervised":
        return f"{told} `{suite.one}` is the supervised model: above 1 is what rewards add to imitation."
    return (
        f"{told} 1 would be the supervised model, which this suite does not have: `{suite.one}` takes its place, and a "
        "score above 1 is not one above people."
    )


EQUAL_SECONDS = ("agent", "reward in training", "95 % interval, of seeds", "KL", "tokens", "whole training, s")


def at_equal_seconds(rows: Sequence[Row]) -> list[str]:
    """`ranked_at_equal_seconds` as Markdown; nothing where it ranks nobody."""
    told, lines = ranked_at_equal_seconds(rows)
    return [told, markdown_table(EQUAL_SECONDS, lines)] if lines else []


def ranked_at_equal_seconds(rows: Sequence[Row]) -> tuple[str, list[list[str]]]:
    """A second ranking of one task's agents that have learning curves, if there are two.

    The reward is that in training, of the last rollout that had ended when the fastest of all runs was over. Seconds
    count from where the making of an agent began, its fine-tuned start included.

    Returns:
        What it is, and its lines, whose columns are `EQUAL_SECONDS`.
    """
    own = [row for row in with_curves(rows) if row.complete]
    if len(own) < 2:
        return "", []
    limit = min(result["cost"]["train_seconds"] for row in own for result in row.finished)
    reached = {row.agent: [point for result in row.finished if (point := last_point(result, limit))] for row in own}
    known = [row for row in own if len(reached[row.agent]) == len(row.finished)]
    known.sort(key=lambda row: -np.mean(reached[row.agent], axis=0)[SCORE])
    lines = []
    for row in known:
        tokens, _, score, kl = np.array(reached[row.agent]).T  # (seeds,) each
        sure = aggregate.estimate_mean([aggregate.Scores(score)])
        interval = interval_text(None if sure is None else sure.interval())
        whole = number(row.mean("train_seconds", "cost"), ".0f")
        lines.append(
            [row.agent, number(score.mean(), ".3f"), interval, f"{kl.mean():.1f}", f"{tokens.mean():,.0f}", whole]
        )
    return f"At equal seconds: learning curves read after {limit:.0f} s, when the fastest run was over.", lines


def last_point(result: Result, limit: float) -> list[float] | None:
    """The last point of a run's learning curve within so many seconds since its agent began to be made."""
    curve = result["curve"]
    if not curve:
        return None
    before = result["cost"]["train_seconds"] - curve[-1][SECONDS]  # loading, and the start's fine-tuning
    return next((point for point in reversed(curve) if before + point[SECONDS] <= limit), None)


def before_and_after(suite: Suite, runs: Sequence[Cell]) -> list[str]:
    """The first test prompts' completions by the two agents that the suite names, with the suite's first seed."""
    names = (suite.report["before"], suite.report["after"])
    parts = []
    for env_id in suite.env_ids:
        texts = []
        for name in names:
            run = next(r for r in runs if (r.env_id, r.agent.name, r.seed) == (env_id, name, suite.seeds[0]))
            result = run.result()
            if result is None or result["status"] != "finished":
                break
            texts.append(read_examples(run.path)[: suite.report["examples"]])
        if len(texts) < len(names):
            continue
        lines = [
            [
                quote(first["prompt"]),
                quote(first["completion"]),
                score(first),
                quote(second["completion"]),
                score(second),
            ]
            for first, second in zip(*texts, strict=True)
        ]
        parts += [
            f"## The same prompts before and after, {env_id}",
            f"The first {len(lines)} prompts of the split {suite.split}, seed {suite.seeds[0]}, unpicked.",
            markdown_table(("prompt", names[0], "score (gold)", names[1], "score (gold)"), lines),
        ]
    return parts


def score(record: dict[str, Any]) -> str:
    """``return (gold)``."""
    return f"{record['return']:.2f} ({number(record['gold'], '.2f')})"


def quote(text: str) -> str:
    """A text as it is, in a cell of a Markdown table."""
    escaped = html.escape(text, quote=False)
    for character in r"\`*_[]|":
        escaped = escaped.replace(character, "\\" + character)
    return escaped.replace("\r", "").replace("\n", " ⏎ ").strip()


def conditions(rows: Sequence[Row]) -> list[str]:
    """On what the results were made."""
    lines = [f"- {name}: {value}" for name, value in condition_facts(rows).items()]
    return ["## Conditions", "\n".join(lines)] if lines else []


def condition_facts(rows: Sequence[Row]) -> dict[str, str]:
    """The same by name; nothing where nothing has finished."""
    results = [result for row in rows for result in row.finished]
    keys: dict[str, Callable[[Result], Any]] = {
        "Hardware": lambda r: f"{r['hardware']}, {r['threads']} thread{'s' * (r['threads'] != 1)}",
        "Device": lambda r: r.get("device", "cpu"),
        "Commit": lambda r: f"{r['commit']}{' with local changes' if r['dirty'] else ''}",
        "Versions": lambda r: ", ".join(f"{name} {value}" for name, value in r["versions"].items()),
        "Task": lambda r: f"{r['env_id']} {r['task_hash'][:16]}",
    }
    told = {key: "; ".join(dict.fromkeys(str(get(r)) for r in results)) for key, get in keys.items()}
    return told if results else {}


def markdown_table(columns: Sequence[str], lines: Any) -> str:
    """A Markdown table."""
    rows = [list(columns), ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw_curves(rows: Sequence[Row], column: int, label: str, path: Path) -> None:
    """One column of the learning curves over generated tokens, a panel per task: each seed thin, their mean thick."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    env_ids, agents = ([*dict.fromkeys(getattr(row, name) for row in rows)] for name in ("env_id", "agent"))
    across = min(3, len(env_ids))
    down = -(-len(env_ids) // across)
    figure = Figure(figsize=(1.5 + 3.5 * across, 1.2 + 2.4 * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False).flatten()
    for panel in panels[len(env_ids) :]:
        panel.set_visible(False)
    for env_id, panel in zip(env_ids, panels, strict=False):
        for row in (row for row in rows if row.env_id == env_id):
            curves = [np.array(result["curve"]) for result in row.finished if result["curve"]]  # (rollouts, 4) each
            if not curves:
                continue
            color = f"C{agents.index(row.agent) % 10}"
            for curve in curves:
                panel.plot(curve[:, 0], curve[:, column], color=color, alpha=0.35, linewidth=0.8)
            shared = min(map(len, curves))  # seeds that were stopped by the clock have curves of different lengths
            middle = np.mean([curve[:shared] for curve in curves], axis=0)
            panel.plot(
                middle[:, 0], middle[:, column], color=color, linewidth=2, label=f"{row.agent} {row.marks}".rstrip()
            )
        panel.set_title(env_id, fontsize=10)
        panel.grid(alpha=0.3)
        panel.set_xlim(left=0)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    for panel in panels[max(0, len(env_ids) - across) : len(env_ids)]:  # a label of the figure hides behind the legend
        panel.set_xlabel("generated tokens")
    figure.supylabel(label, fontsize=10)
    lines = {line.get_label(): line for panel in panels for line in panel.get_lines() if line.get_label()[0] != "_"}
    counts_ = {len(row.finished) for row in rows}
    title = f"mean of {', '.join(f'{n} seed' + 's' * (n > 1) for n in sorted(counts_))}"
    figure.legend(
        lines.values(), lines.keys(), loc="outside lower center", ncols=min(4, len(lines)), title=title, fontsize=9
    )
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, picture.getvalue())

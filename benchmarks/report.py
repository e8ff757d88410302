"""The board as a table, and the report: Markdown with the learning curve and the same prompts before and after."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from benchmarks import aggregate
from benchmarks.results_io import read_examples, read_run, write_atomic
from benchmarks.suite import Cell, Suite
from textgym.errors import ConfigurationError

BOOTSTRAP_SEED = 0
WIDTH = 1000  # more than any table has in a terminal: a narrow one had better wrap the lines than lose digits
COLUMNS = (
    "agent",
    "score",
    "95 % interval",
    "n",
    "gold",
    "KL",
    "ref. perplexity",
    "distinct-2",
    "length",
    "EOS rate",
    "train tokens",
    "eval tokens",
    "train s",
    "eval s",
    "memory MB",
)
LEGEND = """\
The score is the mean return of the evaluated prompts' completions, the task's own (proxy) reward, over seeds, with a
bootstrap interval over seeds. n: finished seeds of those declared; a row that is not complete is not averaged.
gold: mean score by a judge that nothing is trained on; a score that rises while gold does not is a hacked reward.
KL: divergence from the reference model in nats per completion; ≤ marks a bound, - an agent without log-probabilities.
ref. perplexity: of the completions, per token, under the reference model. distinct-2: different word pairs, as a
fraction. length: tokens. EOS rate: texts that the agent ended itself. Tokens and seconds are means per seed.
memory: the process's peak resident size, libraries and models included, the largest over seeds; 1 MB = 10^6 bytes."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One agent on one task.

    Attributes:
        env_id: The task.
        agent: Its name.
        results: Of its seeds, those that there are.
        declared: How many there should be.
    """

    env_id: str
    agent: str
    results: list[Result]
    declared: int

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

    @property
    def peak_memory(self) -> float | None:
        """The largest of the seeds' peaks in MB."""
        return max((result["cost"]["peak_rss_mb"] for result in self.finished), default=None)

    def mean(self, name: str, of: str = "metrics") -> float | None:
        """A metric's mean over seeds; None where a seed has none."""
        values = [result[of].get(name) for result in self.finished]
        return None if None in values or not values else float(np.mean(values))


def board(suite: Suite, runs: Sequence[Cell]) -> list[Row]:
    """Read the results, a row per task and agent.

    Raises:
        ConfigurationError: Results of one task have different task hashes, or results different code hashes.
    """
    found = [(cell, result) for cell in runs if (result := read_run(cell.path)) is not None]
    require_one(found, "code_hash", "code (textgym or its agents were edited)")
    rows = []
    for env_id in suite.env_ids:
        own = [(cell, result) for cell, result in found if cell.env_id == env_id]
        require_one(own, "task_hash", "tasks (other prompts, rewards, judges or reference model)")
        for agent in suite.agents:
            results = [result for cell, result in own if cell.agent == agent]
            rows.append(Row(env_id, agent.name, results, len(suite.seeds)))
    return rows


def require_one(found: Sequence[tuple[Cell, Result]], key: str, what: str) -> None:
    """Refuse results that cannot be compared."""
    files: dict[str, list[str]] = {}
    for cell, result in found:
        files.setdefault(result[key], []).append(str(cell.path))
    if len(files) > 1:
        listed = "; ".join(f"{value[:8]} in {', '.join(paths)}" for value, paths in files.items())
        raise ConfigurationError(
            f"Results of different {what} cannot stand in one table: {listed}. Delete those that are no longer meant."
        )


def cells(row: Row) -> list[str]:
    """The row as text, in the order of `COLUMNS`."""
    counts = f"{len(row.finished)}/{row.declared}"
    missing = row.declared - len(row.results)
    notes = [f"{len(row.failed)} failed"] * bool(row.failed) + [f"{missing} missing"] * bool(missing)
    if not row.complete:
        return [row.agent, "incomplete", "-", f"{counts} ({', '.join(notes)})", *["-"] * (len(COLUMNS) - 4)]
    interval = aggregate.bootstrap_interval([row.scores], rng=np.random.default_rng(BOOTSTRAP_SEED))
    return [
        row.agent,
        f"{row.scores.mean():.3f}",
        interval_text(interval),
        counts,
        number(row.mean("gold"), ".3f"),
        kl_text(row),
        number(row.mean("perplexity"), ",.0f"),
        number(row.mean("distinct_2"), ".3f"),
        number(row.mean("length"), ".1f"),
        number(row.mean("eos_rate"), ".2f"),
        *(number(row.mean(name, "cost"), ",.0f") for name in ("train_tokens", "eval_tokens")),
        *(number(row.mean(name, "cost"), ".1f") for name in ("train_seconds", "eval_seconds")),
        number(row.peak_memory, ",.0f"),
    ]


def normalised(suite: Suite, rows: Sequence[Row]) -> list[list[str]]:
    """Agent, interquartile mean of normalised scores over all tasks and seeds, and its interval."""
    by_agent = {agent.name: [row for row in rows if row.agent == agent.name] for agent in suite.agents}
    lines = []
    for name, own in by_agent.items():
        strata = []
        for row, zero, one in zip(own, by_agent[suite.zero], by_agent[suite.one], strict=True):
            if row.complete and zero.complete and one.complete:
                strata.append(aggregate.normalise(row.scores, zero.scores.mean(), one.scores.mean()))
        known = [scores for scores in strata if scores is not None]
        if len(known) < len(own):
            lines.append([name, "-", "-"])
            continue
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        interval = aggregate.bootstrap_interval(known, aggregate.iqm, rng=rng)
        lines.append([name, number(float(aggregate.iqm(np.concatenate(known))), ".2f"), interval_text(interval)])
    return lines


def kl_text(row: Row) -> str:
    """The divergence, or its bound."""
    kl, bound = row.mean("kl"), row.mean("kl_bound")
    if kl is None and bound is not None:
        return f"≤ {bound:.2f}"
    return number(kl, ".1f")


def number(value: float | None, form: str) -> str:
    """A number, or a dash; never a minus before nothing but zeros."""
    if value is None:
        return "-"
    text = format(value, form)
    return text.lstrip("-") if not text.strip("-0.,") else text


def interval_text(interval: tuple[float, float] | None) -> str:
    """``low .. high``."""
    return "-" if interval is None else f"{interval[0]:.3f} .. {interval[1]:.3f}"


def score_name(rows: Sequence[Row]) -> str:
    """The reward's name where the task has just one, else "return"."""
    metrics = [name for row in rows for result in row.finished for name in result["metrics"]]
    names = {name.removeprefix("reward/") for name in metrics if name.startswith("reward/")}
    return names.pop() if len(names) == 1 else "return"


def rich_tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """The board for a terminal, a table per task; tokens and seconds of training and evaluation are added up."""
    scores = {line[0]: line[1] for line in normalised(suite, rows)}
    tables = []
    for env_id in suite.env_ids:
        own = [row for row in rows if row.env_id == env_id]
        table = Table(title=f"{env_id}, suite {suite.name}", box=box.SIMPLE, padding=(0, 1, 0, 0))
        names = ("agent", score_name(own), *COLUMNS[2:10], "tokens", "seconds", COLUMNS[-1], "normalised")
        for name in names:
            table.add_column(
                "\n".join(name.rsplit(" ", 1)), no_wrap=True, justify="left" if name == "agent" else "right"
            )
        for row in own:
            texts, costs = cells(row), [number(total(row, unit), ",.0f") for unit in ("tokens", "seconds")]
            table.add_row(*texts[:10], *costs, texts[-1], scores[row.agent], style="red" if row.failed else None)
        tables.append(table)
    return tables


def total(row: Row, unit: str) -> float | None:
    """Tokens or seconds of training and evaluation together, the mean over seeds."""
    parts = [row.mean(f"{phase}_{unit}", "cost") for phase in ("train", "eval")]
    return sum(part for part in parts if part is not None) if row.complete else None


def write(suite: Suite, runs: Sequence[Cell], rows: Sequence[Row], folder: Path) -> Path:
    """Write ``REPORT.md`` and, if an agent has a learning curve, ``learning_curve.png``.

    Returns:
        The path of the report.
    """
    parts = [f"# Leaderboard, suite {suite.name}", "Written by `python -m benchmarks.leaderboard`."]
    for env_id in suite.env_ids:
        own = [row for row in rows if row.env_id == env_id]
        columns = ["agent", score_name(own), *COLUMNS[2:]]
        parts += [f"## {env_id}", markdown_table(columns, map(cells, own)), LEGEND]
        errors = [f"- {row.agent}, seed {r['seed']}: `{r['error']}`" for row in own for r in row.failed]
        parts += ["Failed runs:", "\n".join(errors)] if errors else []
    parts += [
        "## Normalised scores",
        f"0 is `{suite.zero}` and 1 is `{suite.one}`, both measured. Interquartile mean over tasks and seeds, with a "
        f"95 % stratified bootstrap interval ({aggregate.REPETITIONS:,} repetitions, generator seed {BOOTSTRAP_SEED}).",
        markdown_table(("agent", "IQM", "95 % interval"), normalised(suite, rows)),
    ]
    curves = [row for row in rows if any(result["curve"] for result in row.finished)]
    if curves:
        draw_curves(curves, folder / "learning_curve.png")
        parts += ["## Learning curve", "![Training reward and KL over generated tokens](learning_curve.png)"]
    parts += [*before_and_after(suite, runs), *conditions(rows)]
    path = folder / "REPORT.md"
    write_atomic(path, "\n\n".join(parts) + "\n")
    return path


def before_and_after(suite: Suite, runs: Sequence[Cell]) -> list[str]:
    """The first test prompts' completions by the two agents that the suite names, with the suite's first seed."""
    names = (suite.report["before"], suite.report["after"])
    parts = []
    for env_id in suite.env_ids:
        texts = []
        for name in names:
            run = next(r for r in runs if (r.env_id, r.agent.name, r.seed) == (env_id, name, suite.seeds[0]))
            result = read_run(run.path)
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
    results = [result for row in rows for result in row.finished]
    keys: dict[str, Callable[[Result], Any]] = {
        "Hardware": lambda r: f"{r['hardware']}, {r['threads']} threads",
        "Commit": lambda r: f"{r['commit']}{' with local changes' if r['dirty'] else ''}",
        "Versions": lambda r: ", ".join(f"{name} {value}" for name, value in r["versions"].items()),
        "Task": lambda r: f"{r['env_id']} {r['task_hash'][:16]}",
    }
    lines = [f"- {key}: {'; '.join(dict.fromkeys(str(get(r)) for r in results))}" for key, get in keys.items()]
    return ["## Conditions", "\n".join(lines)] if results else []


def markdown_table(columns: Sequence[str], lines: Any) -> str:
    """A Markdown table."""
    rows = [list(columns), ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw_curves(rows: Sequence[Row], path: Path) -> None:
    """Training reward and KL over generated tokens: each seed thin, their mean thick."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    for number_, row in enumerate(rows):
        curves = [np.array(result["curve"]) for result in row.finished if result["curve"]]  # (rollouts, 4) each
        shared = min(map(len, curves))  # seeds that were stopped by the clock have curves of different lengths
        for panel, column in ((axes[0], 2), (axes[1], 3)):
            for curve in curves:
                panel.plot(curve[:, 0], curve[:, column], color=f"C{number_}", alpha=0.35, linewidth=0.8)
            middle = np.mean([curve[:shared] for curve in curves], axis=0)
            label = f"{row.agent}, mean of {len(curves)} seeds ({row.env_id})" if panel is axes[0] else None
            panel.plot(middle[:, 0], middle[:, column], color=f"C{number_}", linewidth=2, label=label)
    # an agent may be trained on other rewards than it is judged by
    axes[0].set(xlabel="generated tokens", ylabel="mean reward of a rollout's completions", title="Training reward")
    axes[1].set(xlabel="generated tokens", ylabel="KL to the reference (nats per completion)", title="Divergence")
    for panel in axes:
        panel.grid(alpha=0.3)
        panel.set_xlim(left=0)
    figure.legend(loc="outside lower center")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, picture.getvalue())

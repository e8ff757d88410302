"""Two agents compared, task by task.

    python -m benchmarks.compare ppo best_of_4 --suite quick        # of what is published
    python -m benchmarks.compare my_agent ppo --agent my_agent.py   # your own, once the leaderboard has run it

Differences are of the same seeds and test examples; their intervals are for other seeds and other examples
(`benchmarks.aggregate`). Where several tasks are compared, p-values are corrected (Holm).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
from rich.console import Console

from benchmarks import aggregate, report
from benchmarks.results_io import PUBLISHED, ROOT
from benchmarks.suite import SUITES, Suite, load_suite, plan, published
from textgym.errors import ConfigurationError, TextGymError, UnknownNameError

ALPHA = 0.05
HEADINGS = ("task", "n", "first", "second", "difference", "95 % interval", "first above", "95 % interval", "p (Holm)")


@dataclass(frozen=True)
class Pair:
    """Two agents on one task, with the seeds and test examples that both have.

    Attributes:
        first: The one of which is asked whether it is better.
        second: The other.
    """

    first: report.Row
    second: report.Row

    @property
    def seeds(self) -> list[int]:
        """Those that both have finished; none where their tasks are not the same one."""
        first, second = ({result["seed"] for result in row.finished} for row in (self.first, self.second))
        return sorted(first & second) if report.of_one_task(self.first, self.second) else []

    @property
    def returns(self) -> np.ndarray:
        """Returns of the first and of the second, float (2, K, I), of the K seeds whose texts both have."""
        kept = [seed for seed in self.seeds if seed in self.first.returns and seed in self.second.returns]
        tables = [[row.returns[seed] for seed in kept] for row in (self.first, self.second)]
        return np.array(tables) if kept else np.empty((2, 0, 0))

    @property
    def differences(self) -> aggregate.Scores:
        """What the first has more than the second, by seed and by example."""
        means = [{r["seed"]: r["metrics"]["return"] for r in row.finished} for row in (self.first, self.second)]
        by_seed = np.array([means[0][seed] - means[1][seed] for seed in self.seeds])
        first, second = self.returns
        return aggregate.Scores(by_seed, (first - second).mean(axis=0) if len(first) else np.empty(0))

    @property
    def difference(self) -> aggregate.Estimate | None:
        """The mean difference; None of fewer than two seeds."""
        return aggregate.estimate_mean([self.differences])

    @property
    def improvement(self) -> float | None:
        """The share of seeds and examples where the first returns more, equal returns as half; None without texts."""
        return float(self._above.mean()) if self._above.size else None

    @property
    def improvement_interval(self) -> aggregate.Interval | None:
        """Its interval; None where texts of fewer than two seeds are kept."""
        estimate = aggregate.estimate_mean([aggregate.Scores.of(self._above)]) if self._above.size else None
        if estimate is None:
            return None
        low, high = estimate.interval()
        return max(low, 0.0), min(high, 1.0)

    @property
    def _above(self) -> np.ndarray:
        first, second = self.returns
        return (first > second) + (first == second) / 2  # (K, I)


def pairs(suite: Suite, rows: Sequence[report.Row], first: str, second: str) -> list[Pair]:
    """Two agents on every task of a suite.

    Raises:
        UnknownNameError: The suite has no agent of this name.
        ConfigurationError: They are one.
    """
    names = [agent.name for agent in suite.agents]
    for name in (first, second):
        if name not in names:
            raise UnknownNameError("agent", name, names, f"These are the agents of the suite {suite.name}.")
    if first == second:
        raise ConfigurationError(f"{first} cannot be compared with itself. Give two agents of the suite {suite.name}.")
    by_name = {name: [row for row in rows if row.agent == name] for name in (first, second)}
    return [Pair(*rows) for rows in zip(by_name[first], by_name[second], strict=True)]


def p_values(compared: Sequence[Pair]) -> list[float | None]:
    """Of each pair, how probable so large a difference is where there is none, corrected for the number of pairs."""
    estimates = [pair.difference for pair in compared]
    corrected = iter(aggregate.holm([estimate.p_value for estimate in estimates if estimate is not None]))
    return [None if estimate is None else next(corrected) for estimate in estimates]


def overall(suite: Suite, rows: Sequence[report.Row], compared: Sequence[Pair]) -> aggregate.Estimate | None:
    """The mean difference of normalised scores over all tasks; None where one cannot be normalised or compared."""
    scaled = []
    for pair in compared:
        zero, one = (
            next(row for row in rows if (row.env_id, row.agent) == (pair.first.env_id, name))
            for name in (suite.zero, suite.one)
        )
        if not (report.comparable(zero, one) and report.of_one_task(zero, pair.first, pair.second)):
            return None
        scaled.append(pair.differences.normalised(0.0, one.scores.mean() - zero.scores.mean()))
    known = [differences for differences in scaled if differences is not None]
    return aggregate.estimate_mean(known) if len(known) == len(scaled) else None


def line(pair: Pair, p_value: float | None) -> list[str]:
    """A pair as text."""
    estimate = pair.difference
    n = f"{len(pair.seeds)}/{max(pair.first.declared, pair.second.declared)}"
    if estimate is None or p_value is None:
        return [pair.first.env_id, n, *["-"] * (len(HEADINGS) - 2)]
    scores = [report.number(row.mean("return"), ".3f") + f" {row.marks}".rstrip() for row in (pair.first, pair.second)]
    return [
        pair.first.env_id,
        n,
        *scores,
        f"{estimate.value:+.3f}",
        report.interval_text(estimate.interval()),
        report.number(pair.improvement, ".2f"),
        report.interval_text(pair.improvement_interval),
        "< .001" if p_value < 0.001 else f"{p_value:.3f}",
    ]


def in_words(compared: Sequence[Pair], over_all: aggregate.Estimate | None) -> str:
    """What the table says."""
    first, second = compared[0].first.agent, compared[0].second.agent
    known = [(pair, p) for pair, p in zip(compared, p_values(compared), strict=True) if p is not None]
    found = {
        word: [pair.first.env_id for pair, p in known if p <= ALPHA and sign * pair.differences.by_seed.mean() > 0]
        for word, sign in (("better", 1), ("worse", -1))
    }
    told = [
        f"{first} is {word} than {second} on {len(tasks)} of {len(known)} tasks"
        + f" ({', '.join(tasks)})" * bool(tasks)
        for word, tasks in found.items()
    ]
    if sum(map(len, found.values())) < len(known):
        told.append("On the others no difference is shown, which is not to say that there is none")
    if len(known) < len(compared):
        told.append(f"{len(compared) - len(known)} tasks cannot be compared: seeds are missing, or the tasks differ")
    if over_all is not None:
        told.append(
            f"Over all tasks the normalised score differs by {over_all.value:+.2f} "
            f"({report.interval_text(over_all.interval())})"
        )
    return ".\n".join(told) + "."


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the program's name; the process's own by default.
        console: Where to print.

    Returns:
        0, 1 where no task can be compared, 2 for bad arguments.
    """
    args = parser().parse_args(arguments)
    console = console or Console()
    try:
        suite = load_suite(args.suite).with_agents(args.agent)
        results = args.results or (ROOT / "runs" if args.agent else PUBLISHED)
        cells = plan(suite, results, reuse=PUBLISHED) if args.agent else published(suite, results)
        rows = report.board(suite, cells)
        compared = pairs(suite, rows, args.first, args.second)
    except (TextGymError, gym.error.Error) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    if all(pair.difference is None for pair in compared):
        console.print(f"{results} has no two seeds that both agents have finished on one task.", soft_wrap=True)
        return 1
    lines = [line(pair, p_value) for pair, p_value in zip(compared, p_values(compared), strict=True)]
    headings = [heading.replace("first", args.first).replace("second", args.second) for heading in HEADINGS]
    title = f"{args.first} against {args.second}, suite {suite.name}"
    for table in report.stacked_tables(headings, lines, title, console.width):
        console.print(table, width=report.UNBOUNDED, crop=False)
        console.print()
    for mark in report.marks([row for pair in compared for row in (pair.first, pair.second)]):
        console.print(f"{mark} {report.MARKS[mark]}", highlight=False)
    console.print(in_words(compared, overall(suite, rows, compared)), highlight=False, soft_wrap=True)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compare two agents of a suite.")
    parser.add_argument("first", help="the agent of which is asked whether it is better")
    parser.add_argument("second", help="the other")
    names = ", ".join(sorted(path.stem for path in SUITES.glob("*.toml")))
    parser.add_argument("--suite", default="quick", help=f"{names}, or the path of a TOML file (default: quick)")
    parser.add_argument(
        "--agent", action="append", default=[], metavar="FILE", help="an agent of your own, as on the leaderboard"
    )
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="default: benchmarks/results, what is published; with --agent, runs"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

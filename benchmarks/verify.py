"""Published results, run again: ``python -m benchmarks.verify --sample 5 --suite quick``.

Some finished runs are drawn and performed anew in a temporary folder. On the same machine, with the same versions and
threads, a run is the same to the last bit. Elsewhere sums are rounded otherwise, and what is then sampled and learned
goes another way: the score is that of one more seed, which has to lie where one more seed lies.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from rich.console import Console

from benchmarks import aggregate, report
from benchmarks.interrupts import Interrupts
from benchmarks.perform import in_turn, resolved
from benchmarks.results_io import PUBLISHED, provenance, read_run, write_run
from benchmarks.suite import SUITES, Cell, Run, Suite, code_hash, load_suite, plan, published
from textgym.errors import ConfigurationError, TextGymError

HEADINGS = ("run", "published", "again", "95 % of one more seed", "verdict")
TOLERANCE = 1e-6  # of means that are summed in another order
IDENTICAL, WITHIN, OUTSIDE = "identical", "in the interval", "OUTSIDE the interval"


@dataclass(frozen=True)
class Verdict:
    """What came of a run that was performed anew.

    Attributes:
        published: The result that is there.
        again: The one of now.
        interval: Where one more seed's score lies in 95 of 100 cases; None where fewer than two seeds are published.
    """

    published: Mapping[str, Any]
    again: Mapping[str, Any]
    interval: aggregate.Interval | None

    @property
    def score(self) -> float | None:
        """The score of now; None where the run failed."""
        return self.again["metrics"]["return"] if self.again["status"] == "finished" else None

    @property
    def identical(self) -> bool:
        """Whether every text, every metric and every point of the curve is the same, to the last bit."""
        names = ("status", "examples_hash", "metrics", "curve")
        return all(self.published[name] == self.again.get(name) for name in names)

    @property
    def within(self) -> bool:
        """Whether the score lies where one more seed's does."""
        if self.score is None or self.interval is None:
            return False
        return self.interval[0] - TOLERANCE <= self.score <= self.interval[1] + TOLERANCE

    def __str__(self) -> str:
        """In words."""
        if self.score is None:
            return f"FAILED: {self.again['error']}"
        if self.identical:
            return IDENTICAL
        names = {"hardware", "threads", "device", "versions"}
        other = sorted(name for name in names if self.published.get(name) != self.again.get(name))
        elsewhere = f" (other {', '.join(other)})" if other else " (same machine class, and not identical)"
        return (WITHIN if self.within else OUTSIDE) + elsewhere


def one_more(scores: np.ndarray) -> aggregate.Interval | None:
    """Where another seed's score lies in 95 of 100 cases, on the same test examples: Student's prediction interval.

    Args:
        scores: Of the seeds that there are, float (S,).

    Returns:
        Lower and upper end; None of fewer than two seeds.

    >>> low, high = one_more(np.array([0.1, 0.2, 0.3]))  # .2, and 4.303 times .1 times the root of 4/3
    >>> round(low, 3), round(high, 3)
    (-0.297, 0.697)
    """
    if len(scores) < 2:
        return None
    spread = float(scores.std(ddof=1)) * (1 + 1 / len(scores)) ** 0.5
    return aggregate.Estimate(float(scores.mean()), spread, len(scores) - 1).interval()


def drawn(cells: Sequence[Cell], sample: int, seed: int) -> list[Cell]:
    """Some of the finished runs that today's code can perform again, in the order of the board.

    Raises:
        ConfigurationError: There is none, or none is asked for.
    """
    if sample < 1:
        raise ConfigurationError(f"--sample is {sample}. Give a number of runs from 1 on.")
    found = [(cell, result) for cell in cells if (result := cell.result()) is not None]
    finished = [(cell, result) for cell, result in found if result["status"] == "finished"]
    current = [cell for cell, result in finished if not cell.outdated(result)]
    if not current:
        raise ConfigurationError(
            f"Nothing can be verified: all {len(finished)} finished runs are of another task, agent, "
            "configuration or schema than today's. Check their commit out and verify there, or run the suite again."
        )
    chosen = np.random.default_rng(seed).choice(len(current), size=min(sample, len(current)), replace=False)
    return [current[i] for i in sorted(chosen)]


def verify(run: Run, cell: Cell, row: report.Row, suite: Suite, device: str, interrupts: Interrupts) -> Verdict:
    """Perform a run anew, with the threads that it had, and compare."""
    result = cell.result()
    assert result is not None
    threads = torch.get_num_threads()
    where = {"command": "", "code_hash": code_hash(), **provenance(), "threads": result["threads"], "device": device}
    try:
        ((_, again, records),) = in_turn([run], suite, where, lambda *_: None, interrupts)
        write_run(run.path, again, records)
    finally:
        torch.set_num_threads(threads)
    written = read_run(run.path)
    assert written is not None
    return Verdict(result, written, one_more(row.scores))


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the program's name; the process's own by default.
        console: Where to print.

    Returns:
        0 if every run is identical or in the interval, 1 if one is not, 2 for bad arguments or nothing to verify, 130
        if interrupted.
    """
    args = parser().parse_args(arguments)
    console = console or Console()
    verdicts = []
    try:
        with Interrupts() as interrupts, tempfile.TemporaryDirectory() as folder:
            suite = load_suite(args.suite)
            cells = published(suite, args.results)
            rows = {(row.env_id, row.agent): row for row in report.board(suite, cells)}
            runs = {(run.env_id, run.agent.name, run.seed): run for run in plan(suite, Path(folder))}
            chosen = drawn(cells, args.sample, args.seed)
            device = resolved(args.device)
            for cell in chosen:
                name = f"{cell.agent.name} on {cell.env_id}, seed {cell.seed}"
                console.print(f"{name} ...", markup=False, highlight=False)
                run, row = runs[cell.env_id, cell.agent.name, cell.seed], rows[cell.env_id, cell.agent.name]
                verdicts.append((name, verify(run, cell, row, suite, device, interrupts)))
    except (TextGymError, gym.error.Error) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted.")
        return 130
    lines = [line(name, verdict) for name, verdict in verdicts]
    title = f"{len(lines)} runs of the suite {suite.name}, drawn with --seed {args.seed}"
    for table in report.stacked_tables(HEADINGS, lines, title, console.width):
        console.print(table, width=report.UNBOUNDED, crop=False)
    good = [verdict.identical or verdict.within for _, verdict in verdicts]
    same = sum(verdict.identical for _, verdict in verdicts)
    console.print(f"{sum(good)} of {len(good)} runs are verified, {same} of them to the last bit.", highlight=False)
    return int(not all(good))


def line(name: str, verdict: Verdict) -> list[str]:
    """A verdict as text."""
    again = report.number(verdict.score, ".4f")
    interval = report.interval_text(verdict.interval)
    return [name, f"{verdict.published['metrics']['return']:.4f}", again, interval, str(verdict)]


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verify", description="Run some published results again, and compare."
    )
    names = ", ".join(sorted(path.stem for path in SUITES.glob("*.toml")))
    parser.add_argument("--suite", default="quick", help=f"{names}, or the path of a TOML file (default: quick)")
    parser.add_argument("--sample", type=int, default=5, help="how many runs (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--results", type=Path, default=PUBLISHED, metavar="DIR", help="default: benchmarks/results")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto, a GPU where there is one (default: auto)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

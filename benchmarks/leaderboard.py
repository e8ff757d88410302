"""The leaderboard: run a suite of agents, print the board, write a report.

    python -m benchmarks.leaderboard                              # the quick suite
    python -m benchmarks.leaderboard --agent path/to/my_agent.py  # and an agent of your own, beside what is published
    python -m benchmarks.leaderboard --report                     # print and write again what is there, run nothing
    python -m benchmarks.leaderboard --ray                        # a run on every core (docs/scale.md)

Every run ends in one JSON file and its examples, under ``<results>/<suite>/<environment>/<agent>/<config>/``. Finished
runs are not run again while task, agent and configuration are the same, so that a board that was interrupted or killed
goes on where it was; at most the run in progress is lost. A run that raises is a result too: it is recorded, shown as
failed, and tried again with ``--retry-failed``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from benchmarks import report
from benchmarks.interrupts import Interrupts
from benchmarks.perform import Performer, in_turn, resolved
from benchmarks.ray_runs import on_ray
from benchmarks.results_io import PUBLISHED, ROOT, provenance, require_writable, write_run
from benchmarks.suite import SUITES, Run, Suite, code_hash, load_suite, plan
from textgym.errors import TextGymError


class Rate(ProgressColumn):
    """Tokens per second."""

    def render(self, task: Task) -> Text:
        """An empty text until there is a rate."""
        return Text(f"{task.speed:,.0f} tokens/s" if task.speed else "")


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the program's name; the process's own by default.
        console: Where to print.

    Returns:
        0, 1 if a run of the suite has failed, 2 for bad arguments, 130 if interrupted.
    """
    args = parser().parse_args(arguments)
    console = console or Console()
    try:
        with Interrupts() as interrupts:
            suite = load_suite(args.suite).with_agents(args.agent)
            suite = replace(suite, seeds=tuple(args.seeds)) if args.seeds else suite
            performer = partial(on_ray, args.ray) if args.ray else in_turn
            device = args.device if args.ray else resolved(args.device)  # every node has its own
            runs = plan(suite, args.results, reuse=PUBLISHED if args.agent else None)
            if reused := sum(run.path.is_relative_to(PUBLISHED) for run in runs if args.agent):
                console.print(f"{reused} runs are taken from what is published", highlight=False)
            if not args.report:
                for agent in suite.agents:
                    agent.make()  # a file that is no agent is told at once, not after hours of other runs
                require_writable(args.results / suite.name)
                given = sys.argv[1:] if arguments is None else arguments
                command = shlex.join(["python", "-m", "benchmarks.leaderboard", *given])
                where = {"command": command, "code_hash": code_hash(), **provenance(), "device": device}
                execute(runs, suite, console, where, interrupts, performer=performer, retry_failed=args.retry_failed)
            rows = report.board(suite, runs)
            for table in report.rich_tables(suite, rows, console.width):
                console.print(table, width=report.UNBOUNDED, crop=False)
                console.print()
            for mark in report.marks(rows):
                console.print(f"{mark} {report.MARKS[mark]}", highlight=False)
            path = report.write(suite, runs, rows, args.results / suite.name)
        console.print(f"Report: {path}", soft_wrap=True)
    except (TextGymError, gym.error.Error) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted. Finished runs are kept: the same command goes on from here.")
        return 130
    return int(any(row.failed for row in rows))


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.leaderboard", description="Run agents, print the board."
    )
    names = ", ".join(sorted(path.stem for path in SUITES.glob("*.toml")))
    parser.add_argument("--suite", default="quick", help=f"{names}, or the path of a TOML file (default: quick)")
    parser.add_argument(
        "--agent",
        action="append",
        default=[],
        metavar="FILE",
        help="a file with make_agent, repeatable; what is published of the suite is not run again",
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the suite's")
    parser.add_argument("--results", type=Path, default=ROOT / "runs", metavar="DIR", help="default: runs")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto, a GPU where there is one (default: auto)")
    parser.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS", help="runs side by side: on this machine, or on a cluster"
    )
    parser.add_argument("--report", action="store_true", help="run nothing, report what is there")
    parser.add_argument("--retry-failed", action="store_true", help="run failed runs again")
    return parser


def execute(
    runs: Sequence[Run],
    suite: Suite,
    console: Console,
    where: Mapping[str, Any],
    interrupts: Interrupts,
    *,
    performer: Performer = in_turn,
    retry_failed: bool,
) -> None:
    """Perform the runs that are not there yet, and write each as soon as it has ended."""
    todo = [run for run in runs if due(run, retry_failed)]
    console.print(f"{len(runs)} runs, {len(runs) - len(todo)} of them done before")
    for result in (run.result() for run in runs if run not in todo):
        if result is not None and result["status"] == "failed":
            console.print(f"{one_line(result)} (--retry-failed runs it again)", markup=False, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("ETA"), TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("tokens", total=sum(run.tokens for run in todo))
        done: dict[Path, int] = {}

        def show(run: Run, tokens: int) -> None:
            done[run.path] = tokens
            progress.update(bar, description=f"{run.agent.name}, seed {run.seed}", completed=sum(done.values()))

        with closing(performer(todo, suite, where, show, interrupts)) as performed:
            for run, result, records in performed:
                write_run(run.path, result, records)
                show(run, run.tokens)
                console.print(one_line(result), markup=False, highlight=False)


def due(run: Run, retry_failed: bool) -> bool:
    """Whether a run is still to be performed."""
    result = run.result()
    return result is None or (retry_failed and result["status"] == "failed")


def one_line(result: dict[str, Any]) -> str:
    """What came out of a run."""
    name = f"{result['agent']}, seed {result['seed']}"
    if result["status"] == "failed":
        frames = result["traceback"]  # outermost first: the last of the agent's own file, if it came so far
        own = [frame for frame in frames if frame.startswith(f"{result['file']}:")]
        return f"{name}: failed, {result['error']} ({(own or frames)[-1]})"
    cost = result["cost"]
    seconds = cost["train_seconds"] + cost["eval_seconds"]
    return f"{name}: return {result['metrics']['return']:.3f}, {seconds:.1f} s"


if __name__ == "__main__":
    raise SystemExit(main())

"""The leaderboard: run a suite of agents, print the board, write a report.

    python -m benchmarks.leaderboard                              # the quick suite
    python -m benchmarks.leaderboard --agent path/to/my_agent.py  # and an agent of your own, beside what is published
    python -m benchmarks.leaderboard --report                     # print and write again what is there, run nothing

Every run ends in one JSON file and its examples, under ``<results>/<suite>/<environment>/<agent>/<config>/``. Finished
runs are not run again while task, agent and configuration are the same, so that a board that was interrupted or killed
goes on where it was; at most the run in progress is lost. A run that raises is a result too: it is recorded, shown as
failed, and tried again with ``--retry-failed``.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
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
from stable_baselines3.common.utils import set_random_seed

from benchmarks import report, reported
from benchmarks.interrupts import Interrupts
from benchmarks.results_io import (
    PUBLISHED,
    ROOT,
    SCHEMA_VERSION,
    peak_gpu_mb,
    peak_memory_mb,
    provenance,
    require_writable,
    reset_peak_memory,
    write_run,
)
from benchmarks.suite import SUITES, Run, Suite, code_hash, load_suite, plan
from textgym.errors import ConfigurationError, TextGymError, error_text
from textgym.evaluation import Evaluation, evaluate_agent
from textgym.models.causal_lm import device_of
from textgym.redaction import redacted_values

LONGEST_ERROR = 2000  # characters
STARTS = ROOT / "build" / "starts"  # fine-tuned models, which several agents begin from
PRIVATE = ("command", "env", "error", "hyperparameters", "overrides", "task")  # what may hold keys, hosts and folders


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
            device = resolved(args.device)
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
                execute(runs, suite, console, where, interrupts, retry_failed=args.retry_failed)
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
    parser.add_argument("--report", action="store_true", help="run nothing, report what is there")
    parser.add_argument("--retry-failed", action="store_true", help="run failed runs again")
    return parser


def resolved(name: str) -> str:
    """The device that is meant.

    Raises:
        ConfigurationError: There is none of this name here.
    """
    try:
        return str(torch.empty(0, device=device_of(name)).device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"There is no device {name!r} here ({reason}). Give --device cpu, or auto.") from error


def execute(
    runs: Sequence[Run],
    suite: Suite,
    console: Console,
    where: Mapping[str, Any],
    interrupts: Interrupts,
    *,
    retry_failed: bool,
) -> None:
    """Perform the runs that are not there yet, one after another."""
    todo = [run for run in runs if due(run, retry_failed)]
    console.print(f"{len(runs)} runs, {len(runs) - len(todo)} of them done before")
    for result in (run.result() for run in runs if run not in todo):
        if result is not None and result["status"] == "failed":
            console.print(f"{one_line(result)} (--retry-failed runs it again)", markup=False, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("ETA"), TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("tokens", total=sum(run.tokens for run in todo))
        before = 0
        for run in todo:
            progress.update(bar, description=f"{run.agent.name}, seed {run.seed}")

            def show(done: Any, before: int = before, budget: int = run.config["total_tokens"]) -> None:
                progress.update(bar, completed=before + min(reported.count(done, "the agent's progress"), budget))

            torch.set_num_threads(where["threads"])  # an agent may have set its own
            result, records = perform(run, suite, where, show, interrupts)
            interrupts.check()  # that the agent has caught
            write_run(run.path, result, records)
            before += run.tokens
            progress.update(bar, completed=before)
            console.print(one_line(result), markup=False, highlight=False)


def due(run: Run, retry_failed: bool) -> bool:
    """Whether a run is still to be performed."""
    result = run.result()
    return result is None or (retry_failed and result["status"] == "failed")


def perform(
    run: Run, suite: Suite, where: Mapping[str, Any], progress: Callable[[Any], object], interrupts: Interrupts
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Make an agent, evaluate it, and say what came out.

    Returns:
        The result, whose ``status`` is "finished" or "failed", and the records of the examples.
    """
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "status": "failed",
        "suite": suite.name,
        **run.config,
        "seed": run.seed,
        "env": run.spec,
        **where,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    records: list[dict[str, Any]] = []
    try:
        records, measured = measure(run, suite, where["device"], progress, interrupts)
        result |= {"status": "finished", **measured}
    except (Exception, SystemExit) as error:  # whatever an agent raises is this run's result
        frames = traceback.extract_tb(error.__traceback__)
        result["error"] = error_text(error)[:LONGEST_ERROR]
        # file names without folders: where the repository lies is nobody's business
        result["traceback"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    result["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    return result | {name: redacted_values(result[name]) for name in PRIVATE if name in result}, records


def measure(
    run: Run, suite: Suite, device: str, progress: Callable[[Any], object], interrupts: Interrupts
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train and evaluate, and what that cost.

    Returns:
        The records of the examples, and the result's ``metrics``, ``hyperparameters``, ``cost`` and ``curve``.
    """
    gc.collect()  # agents are cycles, SB3's at least: Python may keep several runs' models until it looks for them
    interrupts.check()  # which the collection swallows
    reset_peak_memory()
    make_agent = run.agent.make()
    keywords: dict[str, Any] = {"env_kwargs": suite.env_kwargs} if suite.env_kwargs else {}
    offered: dict[str, Any] = {"progress": progress, "split": suite.split, "device": device, "starts": STARTS}
    keywords |= {name: value for name, value in offered.items() if name in inspect.signature(make_agent).parameters}
    keywords |= run.agent.overrides
    began = time.perf_counter()
    set_random_seed(run.seed)
    agent = make_agent(run.env_id, seed=run.seed, total_tokens=run.config["total_tokens"], **keywords)
    trained = time.perf_counter()
    train_tokens = reported.count(tokens_of(agent), "the agent's tokens")
    set_random_seed(run.seed)  # the test's sampling noise does not depend on how long training was
    evaluation = evaluate(agent, run, suite, device)
    records = reported.plain(evaluation.records, "the evaluation's records")
    written = sum(record["length"] + (record["finish_reason"] == "eos") for record in records)
    tokens = reported.count(tokens_of(agent), "the agent's tokens")
    cost = {
        "train_tokens": train_tokens,
        "eval_tokens": max(written, tokens - train_tokens),  # more where an agent looks ahead
        "train_seconds": round(trained - began + getattr(agent, "seconds_saved", 0.0), 3),
        "eval_seconds": round(time.perf_counter() - trained, 3),
        "peak_rss_mb": peak_memory_mb(),
        "peak_gpu_mb": peak_gpu_mb(),
    }
    hyperparameters = getattr(agent, "hyperparameters", run.agent.overrides)
    return records, {
        "metrics": reported.plain(evaluation.metrics, "the evaluation's metrics"),
        "hyperparameters": reported.plain(hyperparameters, "the agent's hyperparameters"),
        "cost": cost,
        "curve": reported.curve(getattr(agent, "curve", [])),
    }


def evaluate(agent: Any, run: Run, suite: Suite, device: str) -> Evaluation:
    """Let the agent write the suite's test examples."""
    bound = getattr(agent, "kl_bound", None)
    if bound is not None and type(reported.plain(bound, "the agent's kl_bound")) not in (int, float):
        raise ConfigurationError(f"The agent's kl_bound is {bound!r}. Give a number of nats per completion, or None.")
    return evaluate_agent(agent, run.env_id, seed=run.seed, num_envs=suite.num_envs, device=device, **suite.task)


def tokens_of(agent: Any) -> Any:
    """How many tokens an agent says that it has generated: as ``tokens``, or as a model of Stable-Baselines3 does."""
    return getattr(agent, "tokens", getattr(agent, "num_timesteps", 0))


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

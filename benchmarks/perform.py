"""One run of a suite: make an agent, evaluate it, and say what came out, whatever comes in between."""

from __future__ import annotations

import gc
import inspect
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from stable_baselines3.common.utils import set_random_seed

from benchmarks import reported
from benchmarks.interrupts import Interrupts
from benchmarks.results_io import ROOT, SCHEMA_VERSION, peak_gpu_mb, peak_memory_mb, reset_peak_memory
from benchmarks.suite import Run, Suite
from textgym.errors import ConfigurationError, error_text
from textgym.evaluation import Evaluation, evaluate_agent
from textgym.models.causal_lm import device_of
from textgym.models.processed import processed
from textgym.redaction import redacted_values

LONGEST_ERROR = 2000  # characters
STARTS = ROOT / "build" / "starts"  # fine-tuned models, which several agents begin from
PRIVATE = ("command", "env", "error", "hyperparameters", "overrides", "task")  # what may hold keys, hosts and folders

Records: TypeAlias = list[dict[str, Any]]  # of the examples
Show: TypeAlias = Callable[[Run, int], None]  # how many tokens a run has generated so far


class Performer(Protocol):
    """Performs runs."""

    def __call__(
        self, runs: Sequence[Run], suite: Suite, where: Mapping[str, Any], show: Show, interrupts: Interrupts
    ) -> Generator[tuple[Run, dict[str, Any], Records]]:
        """Every run with its result and records, as soon as it has ended.

        Args:
            runs: Those that are due.
            suite: Theirs.
            where: What results say of the place where they were made.
            show: Called now and then.
            interrupts: What has been received meanwhile.
        """


def in_turn(
    runs: Sequence[Run], suite: Suite, where: Mapping[str, Any], show: Show, interrupts: Interrupts
) -> Generator[tuple[Run, dict[str, Any], Records]]:
    """A `Performer`: one run after another, in this process."""
    for run in runs:
        show(run, 0)
        torch.set_num_threads(where["threads"])  # an agent may have set its own
        work = partial(measure, run, suite, where["device"], partial(show, run), interrupts)
        result, records = perform(run, suite, where, work)
        interrupts.check()  # that the agent has caught
        yield run, result, records


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


def perform(
    run: Run, suite: Suite, where: Mapping[str, Any], work: Callable[[], tuple[Records, dict[str, Any]]]
) -> tuple[dict[str, Any], Records]:
    """Say what came out of a run.

    Args:
        run: The run.
        suite: Its suite.
        where: What the result says of the place where it was made.
        work: Makes and evaluates the agent: `measure`.

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
    records: Records = []
    try:
        records, measured = work()
        result |= {"status": "finished", **measured}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever else an agent raises is this run's result
        frames = traceback.extract_tb(error.__traceback__)
        result["error"] = error_text(error)[:LONGEST_ERROR]
        # file names without folders: where the repository lies is nobody's business
        result["traceback"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    result["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    return result | {name: redacted_values(result[name]) for name in PRIVATE if name in result}, records


def measure(
    run: Run, suite: Suite, device: str, progress: Callable[[int], object], interrupts: Interrupts, **besides: Any
) -> tuple[Records, dict[str, Any]]:
    """Make an agent, evaluate it, and what that cost.

    Args:
        run: The run.
        suite: Its suite.
        device: Where it computes.
        progress: Called with the tokens so far.
        interrupts: What has been received.
        **besides: Offered to ``make_agent``, where it has such parameters; nothing that a result depends on.

    Returns:
        The records of the examples, and the result's ``metrics``, ``hyperparameters``, ``cost``, ``curve`` and
        ``log_ratios``.
    """
    gc.collect()  # agents are cycles, SB3's at least: Python may keep several runs' models until it looks for them
    interrupts.check()  # which the collection swallows
    reset_peak_memory()
    make_agent = run.agent.make()
    keywords: dict[str, Any] = {"env_kwargs": suite.env_kwargs} if suite.env_kwargs else {}
    budget = run.config["total_tokens"]

    def told(tokens: Any) -> None:
        progress(min(reported.count(tokens, "the agent's progress"), budget))

    offered: dict[str, Any] = {"progress": told, "split": suite.split, "device": device, "starts": STARTS}
    offered |= besides
    keywords |= {name: value for name, value in offered.items() if name in inspect.signature(make_agent).parameters}
    keywords |= run.agent.overrides
    began = time.perf_counter()
    set_random_seed(run.seed)
    with processed() as in_training:
        agent = make_agent(run.env_id, seed=run.seed, total_tokens=budget, **keywords)
    trained = time.perf_counter()
    train_tokens = reported.count(tokens_of(agent), "the agent's tokens")
    set_random_seed(run.seed)  # the test's sampling noise does not depend on how long training was
    with processed() as in_evaluation:
        evaluation = evaluate(agent, run, suite, device)
    records = reported.plain(evaluation.records, "the evaluation's records")
    written = sum(record["length"] + (record["finish_reason"] == "eos") for record in records)
    tokens = reported.count(tokens_of(agent), "the agent's tokens")
    saved = reported.seconds(getattr(agent, "seconds_saved", 0.0), "the agent's seconds_saved")
    processed_saved = getattr(agent, "processed_saved", 0)
    cost: dict[str, Any] = {
        "train_tokens": train_tokens,
        "eval_tokens": max(written, tokens - train_tokens),  # more where an agent looks ahead
        "train_processed": in_training.tokens + reported.count(processed_saved, "the agent's processed_saved"),
        "eval_processed": in_evaluation.tokens,
        "train_seconds": round(trained - began + saved, 3),
        "eval_seconds": round(time.perf_counter() - trained, 3),
        "peak_rss_mb": peak_memory_mb(),
        "peak_gpu_mb": peak_gpu_mb(),
    }
    phases = getattr(getattr(agent, "model", None), "phase_seconds", {})  # as `textgym.sb3.TextCallback` sums them
    if phases:
        names = reported.plain([*phases], "the phases of the agent's model")
        cost["phase_seconds"] = {
            name: round(reported.seconds(spent, f"the agent's model.phase_seconds[{name!r}]"), 3)
            for name, spent in zip(names, phases.values(), strict=True)
        }
    hyperparameters = getattr(agent, "hyperparameters", run.agent.overrides)
    return records, {
        "metrics": reported.plain(evaluation.metrics, "the evaluation's metrics"),
        "hyperparameters": reported.plain(hyperparameters, "the agent's hyperparameters"),
        "cost": cost,
        "curve": reported.curve(getattr(agent, "curve", [])),
        "log_ratios": log_ratios(evaluation, suite.report["examples"]),
    }


def log_ratios(evaluation: Evaluation, examples: int) -> list[list[tuple[str, float]]]:
    """What reports colour: of the first completions each token, and how many nats likelier than for the reference."""
    return [
        list(zip(evaluation.tokenizer.pieces(ids.tolist()), (own - reference).round(3).tolist(), strict=True))
        for ids, own, reference in evaluation.choices[:examples]
        if own is not None and reference is not None
    ]


def evaluate(agent: Any, run: Run, suite: Suite, device: str) -> Evaluation:
    """Let the agent write the suite's test examples."""
    bound = getattr(agent, "kl_bound", None)
    if bound is not None and type(reported.plain(bound, "the agent's kl_bound")) not in (int, float):
        raise ConfigurationError(f"The agent's kl_bound is {bound!r}. Give a number of nats per completion, or None.")
    return evaluate_agent(agent, run.env_id, seed=run.seed, num_envs=suite.num_envs, device=device, **suite.task)


def tokens_of(agent: Any) -> Any:
    """How many tokens an agent says that it has generated: as ``tokens``, or as a model of Stable-Baselines3 does."""
    return getattr(agent, "tokens", getattr(agent, "num_timesteps", 0))

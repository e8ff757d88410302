"""Faults looked for at length: ``python -m benchmarks.fuzz`` (about an hour; see ``--steps`` and ``--kills``).

First environments of random configurations get random actions, some of which are no actions, for a million steps:
observations stay in their space, rewards are finite, and what is refused is refused by a typed error and leaves no
trace. Then boards of the smoke suite, some of them two in one folder, and processes that save a model over and over,
are killed at random moments by SIGKILL, SIGTERM or Ctrl-C: what was there before is still there, whole, the same
command goes on from it, and in the end says what it says undisturbed.

The exit status is 1 if a fault was found. ``--seed`` gives the same environments, actions and moments again.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text
from stable_baselines3 import PPO

from benchmarks.results_io import ROOT, read_examples, read_run, write_measurements
from textgym.envs import ENVIRONMENTS
from textgym.errors import MissingPackageError, TextGymError

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# statuses of a board that was told to stop: killed, by itself, or while Python was still importing it
STOPPED = {-signal.SIGKILL, 130, 143, -signal.SIGTERM, -signal.SIGINT}
TWO_BOARDS = 0.25  # how often a second one works in the same folder
MANY = 20  # faults, after which environments are looked at no longer
PATIENCE = 300  # seconds until a board that should have ended hangs
REWARDS = ("length", "repetition", "compression", "distinct", "ngram_fluency", "sentiment")
STRANGE: tuple[Any, ...] = (None, "a", 1.5, -1, 10**9, [0], [[1]], np.nan, b"x", object(), np.array([], np.int64))
SAVE = """
import sys
from stable_baselines3 import PPO
from textgym.sb3 import save
model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu")
print("ready", flush=True)
while True:
    save(model, sys.argv[1])
"""
console = Console()


class FinishedRun(NamedTuple):
    """A run in a results folder.

    Attributes:
        digest: Of the file, which has times in it.
        says: What every machine of the class would find.
    """

    digest: str
    says: dict[str, Any]


class Rate(ProgressColumn):
    """Steps or kills per second."""

    def render(self, task: Task) -> Text:
        """An empty text until there is a rate."""
        return Text(f"{task.speed:,.2f}/s" if task.speed else "")


def random_environment(rng: np.random.Generator) -> gym.vector.VectorEnv:
    """An environment whose keywords are drawn."""
    keywords: dict[str, Any] = {
        "num_envs": int(rng.integers(1, 33)),
        "max_new_tokens": int(rng.integers(1, 20)),
        "max_prompt_tokens": int(rng.integers(1, 120)),
        "split": str(rng.choice(["validation", "test"])),
        "autoreset_mode": rng.choice(np.array([AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])),
    }
    if rng.random() < 0.5:
        keywords["reward_funcs"] = [str(name) for name in rng.choice(REWARDS, 2, replace=False)]
        keywords["reward_weights"] = rng.normal(size=2).tolist()
    if rng.random() < 0.3:
        keywords["shaping"] = "length"
    return gym.make_vec(str(rng.choice(sorted(ENVIRONMENTS))), **keywords)


def fuzz_environments(steps: int, rng: np.random.Generator, advance: Callable[[int], None]) -> dict[str, Any]:
    """Step random environments; returns how many steps were taken, what was refused, and the faults."""
    refused, faults, taken, began = Counter[str](), list[str](), 0, time.perf_counter()
    while taken < steps and len(faults) < MANY:
        try:
            envs: Any = random_environment(rng)
        except MissingPackageError as error:
            refused[f"{type(error).__name__}: {error}"[:80]] += 1
            continue
        try:
            for count in episodes(envs, rng, refused):
                taken += count
                advance(count)
        except Exception as error:  # any other error than a typed one, and what `episodes` asserts
            faults.append(f"{envs.spec.id}: {type(error).__name__}: {error}")
        envs.close()
    seconds = time.perf_counter() - began
    return {"steps": taken, "steps/s": round(taken / seconds), "refused": dict(refused), "faults": faults}


def episodes(envs: Any, rng: np.random.Generator, refused: Counter[str]) -> Iterator[int]:
    """Step an environment at random, and yield how many tokens each step wrote."""
    n, vocab_size = envs.num_envs, envs.single_action_space.n
    envs.reset(seed=int(rng.integers(2**31)))
    for _ in range(200):
        if rng.random() < 0.05:
            strange = STRANGE[rng.integers(len(STRANGE))]
            for call, argument in ((envs.step, strange), (envs.reset, {"options": {"index": strange}})):
                try:
                    call(**argument) if isinstance(argument, dict) else call(argument)
                except (TextGymError, gym.error.Error) as error:
                    refused[type(error).__name__] += 1
        tokens = rng.integers(0, vocab_size, n)
        ends = rng.random(n) < 0.1
        actions = np.where(ends, envs.unwrapped.tokenizer.eos_token_id, tokens)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        assert observations in envs.observation_space, "an observation is not in its space"
        assert np.isfinite(rewards).all() and not (terminated & truncated).any(), "rewards or ends"
        yield n


def kill_boards(kills: int, rng: np.random.Generator, advance: Callable[[int], None]) -> dict[str, Any]:
    """Kill boards of the smoke suite at random moments; returns the statuses and the faults.

    Each fourth time, about, there are two of them in one folder. A board that has ended must say what one says that
    nothing disturbed.
    """
    statuses, faults, boards = Counter[int](), list[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        board(Path(folder) / "whole").wait()
        duration = time.perf_counter() - began
        undisturbed = finished(Path(folder) / "whole", faults)
        results = Path(folder) / "0"
        for number in range(kills):
            before = finished(results, faults)
            processes = [board(results) for _ in range(1 + (rng.random() < TWO_BOARDS))]
            kill(processes, duration, rng)
            statuses.update(status_of(process, faults) for process in processes)
            after = finished(results, faults)
            if any(name not in after or after[name].digest != run.digest for name, run in before.items()):
                faults.append(f"kill {number}: a finished run is gone or different")
            if len(after) == len(undisturbed):  # a board that has ended begins anew elsewhere
                faults += other_than(undisturbed, after)
                boards, results = boards + 1, Path(folder) / str(number + 1)
            advance(1)
        if status_of(board(results), faults) != 0:
            faults.append("after the last kill the same command did not finish the board")
        faults += other_than(undisturbed, finished(results, faults))
    return {"kills": kills, "statuses": dict(statuses), "boards": boards + 1, "faults": faults}


def kill(processes: Sequence[subprocess.Popen[bytes]], duration: float, rng: np.random.Generator) -> None:
    """Send each process a signal at a moment of its own within so many seconds."""
    began = time.perf_counter()
    for process, moment in zip(processes, np.sort(rng.uniform(0, duration, len(processes))), strict=True):
        time.sleep(max(0.0, began + moment - time.perf_counter()))
        process.send_signal(SIGNALS[rng.integers(len(SIGNALS))])


def board(results: Path) -> subprocess.Popen[bytes]:
    """A process that runs the smoke suite, or goes on with it."""
    command = [sys.executable, "-m", "benchmarks.leaderboard", "--suite", "smoke", "--results", str(results)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*command, "--device", "cpu"], cwd=ROOT, stdout=quiet, stderr=quiet)


def status_of(process: subprocess.Popen[bytes], faults: list[str]) -> int:
    """The status with which a process ends; one that does not is a fault, and killed."""
    try:
        status = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        faults.append(f"a process did not end within {PATIENCE} s")
        process.kill()
        return process.wait()
    if status not in {0, *STOPPED}:
        faults.append(f"a process ended with status {status}")
    return status


def finished(results: Path, faults: list[str]) -> dict[str, FinishedRun]:
    """The finished runs of a folder, by their paths; one that cannot be read, or has failed, is a fault."""
    found = {}
    for path in results.rglob("seed-*.json"):
        try:
            result = read_run(path)
            read_examples(path)
        except TextGymError as error:
            faults.append(str(error))
            continue
        assert result is not None
        says = {name: result.get(name) for name in ("metrics", "examples_hash")}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.relative_to(results).as_posix()] = FinishedRun(digest, says)
        if result["status"] != "finished":
            faults.append(f"{path.name} of {result['agent']} failed: {result['error']}")
    return found


def other_than(undisturbed: dict[str, FinishedRun], runs: dict[str, FinishedRun]) -> list[str]:
    """Faults: the runs of one board that another lacks, or that say something else there."""
    names, nothing = sorted(undisturbed.keys() | runs.keys()), FinishedRun("", {})
    differ = (name for name in names if undisturbed.get(name, nothing).says != runs.get(name, nothing).says)
    return [f"{name} is not what an undisturbed board says" for name in differ]


def kill_saves(kills: int, rng: np.random.Generator, advance: Callable[[int], None]) -> dict[str, Any]:
    """Kill processes that save a model over the one that is there; returns the faults."""
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.zip"
        for number in range(kills):
            process = subprocess.Popen([sys.executable, "-c", SAVE, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            while not path.exists():
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.5))
            process.kill()
            process.wait()
            process.stdout.close()
            try:
                PPO.load(path, device="cpu")
            except Exception as error:  # whatever a damaged file makes SB3 raise
                faults.append(f"kill {number}: {type(error).__name__}: {error}")
            advance(1)
    return {"kills": kills, "faults": faults}


def main(arguments: list[str] | None = None) -> int:
    """Run the campaigns and write the summary; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000, help="tokens written (default: a million)")
    parser.add_argument("--kills", type=int, default=120, help="of boards, and a quarter of it of saves (default: 120)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "fuzz.json")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the boards
    logging.getLogger("textgym").setLevel(logging.ERROR)  # prompts are cut at random lengths
    campaigns = {
        "environment steps": (fuzz_environments, options.steps),
        "kills of boards": (kill_boards, options.kills),
        "kills of saves": (kill_saves, options.kills // 4),
    }
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
    measured = []
    with Progress(*columns, TextColumn("ETA"), TimeRemainingColumn(), console=console) as progress:
        for name, (campaign, count) in campaigns.items():
            if count:
                bar = progress.add_task(name, total=count)
                rng = np.random.default_rng(options.seed)
                result = campaign(count, rng, lambda n, bar=bar: progress.advance(bar, n))  # type: ignore[misc]
                measured.append({"campaign": name, "seed": options.seed, **result})
                told = ", ".join(f"{key}: {value}" for key, value in measured[-1].items())
                console.print(told, markup=False, highlight=False)
                write_measurements(options.output, "python -m benchmarks.fuzz", measured)
    console.print(f"wrote {options.output}")
    return int(any(result["faults"] for result in measured))


if __name__ == "__main__":
    sys.exit(main())

"""How fast the environments are without a model: ``python -m benchmarks.environments``.

Per task, all medians: CPU seconds of ``import textgym``, and of the first ``gym.make``, in a fresh process; then, with
1,024 environments and episodes of exactly 32 random tokens, token-steps a second with a reward that costs nothing, and
finished episodes a second with the task's own default reward, the environment's own work (observations, ends, texts,
infos) included.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rich.console import Console

from benchmarks.results_io import ROOT, write_measurements
from textgym.envs import ENVIRONMENTS
from textgym.errors import MissingPackageError

ROWS, TOKENS = 1024, 32
FIRST_MAKE = """
import time; began = time.process_time()
import gymnasium as gym, textgym; imported = time.process_time()
gym.make({env_id!r}); print(imported - began, time.process_time() - imported)
"""
console = Console()


def free(completions: list[str], **_: Any) -> list[float]:
    """The reward that costs nothing."""
    return [0.5] * len(completions)


def seconds_to_make(env_id: str, repeats: int) -> tuple[float, float]:
    """Median CPU seconds of importing textgym, and of the first ``gym.make`` after it."""
    command = [sys.executable, "-c", FIRST_MAKE.format(env_id=env_id)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(repeats)]
    imports, makes = zip(*(map(float, run.split()) for run in runs), strict=True)
    return statistics.median(imports), statistics.median(makes)


def seconds_per_episode(env_id: str, repeats: int, **changes: Any) -> float:
    """Median seconds for one episode in every row."""
    envs = gym.make_vec(env_id, num_envs=ROWS, max_new_tokens=TOKENS, **changes)
    rng = np.random.default_rng(0)
    actions = rng.integers(3, envs.single_action_space.n, (TOKENS, ROWS))  # type: ignore[attr-defined]  # no EOS
    envs.reset(seed=0)
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        for column in actions:
            envs.step(column)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])  # the first one warms caches up


def measure(env_id: str, repeats: int) -> dict[str, Any]:
    """All figures of one task."""
    free_seconds = seconds_per_episode(env_id, repeats, reward_funcs=free)  # first, for it finds packages missing
    import_seconds, make_seconds = seconds_to_make(env_id, repeats)
    return {
        "environment": env_id,
        "import, s": round(import_seconds, 2),
        "gym.make, s": round(make_seconds, 2),
        "token-steps/s, free reward": round(ROWS * TOKENS / free_seconds),
        "reward": ENVIRONMENTS[env_id].task.reward_funcs,  # type: ignore[union-attr]
        "episodes/s": round(ROWS / seconds_per_episode(env_id, repeats)),
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="+", choices=sorted(ENVIRONMENTS), default=sorted(ENVIRONMENTS))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "environments.json")
    arguments = parser.parse_args()
    logging.getLogger("textgym").setLevel(logging.ERROR)
    measured = []
    for env_id in arguments.ids:
        try:
            measured.append(measure(env_id, arguments.repeats))
        except MissingPackageError as error:
            console.print(f"{env_id}: {error}", markup=False)
            continue
        console.print(", ".join(f"{key}: {value}" for key, value in measured[-1].items()), highlight=False)
    write_measurements(arguments.output, "python -m benchmarks.environments", measured)
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()

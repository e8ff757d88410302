"""How fast the environments are without a model: ``python -m benchmarks.environments``.

1,024 rows, episodes of exactly 32 random tokens. Per task: token-steps a second with a reward that
costs nothing, and finished episodes a second with the task's own default reward, both medians, the environment's own
work (observations, ends, texts, infos) included.
"""

from __future__ import annotations

import argparse
import logging
import statistics
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
console = Console()


def free(completions: list[str], **_: Any) -> list[float]:
    """The reward that costs nothing."""
    return [0.5] * len(completions)


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
    """Both figures for one task."""
    return {
        "environment": env_id,
        "token-steps/s, free reward": round(ROWS * TOKENS / seconds_per_episode(env_id, repeats, reward_funcs=free)),
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

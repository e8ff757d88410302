"""How near every algorithm comes to the optimum that is known: ``python -m benchmarks.solvable``.

Each trains from the same model on ``TextGen-Solvable-v0``, ten seeds, within a minute of one core, and its regret is
computed by enumeration (`textgym.checks.exact`): the share of what there was to gain, of reward less the price of
divergence, that it missed. 0 is the optimum, 1 the model that it began with. No score is sampled: what is left is what
the algorithm did.

Settings were chosen on seeds from 100 on. An algorithm is added by a line in `ALGORITHMS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from stable_baselines3.common.utils import LinearSchedule

from benchmarks.results_io import ROOT, provenance, write_measurements
from textgym.checks import exact

ENV_ID, BETA = "TextGen-Solvable-v0", 0.1
VARIANTS: dict[str, dict[str, Any]] = {
    "conditional target": {},
    "constant target": {"dataset": "solvable_constant"},
    "long credit assignment": {"reward_funcs": "first_character"},
    "deceptive reward": {"reward_funcs": "deceptive"},
}
console = Console()


@dataclass(frozen=True)
class Algorithm:
    """How an agent is trained here.

    Attributes:
        agent: Its file in ``agents``.
        total_tokens: Its budget.
        hyperparameters: Overrides of its ``Config``; the price on divergence is the same for all.
    """

    agent: str
    total_tokens: int
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)


def linear(rate: float) -> Any:
    """A learning rate that falls to 0: a constant one keeps the policy moving about the optimum."""
    return LinearSchedule(rate, 0.0, 1.0)


EPISODES = {"n_prompts": 64, "group_size": 8, "learning_rate": linear(0.02), "max_kl": 1.0}
ALGORITHMS = {
    "PPO": Algorithm(
        "ppo",
        400_000,
        {
            "num_envs": 256,
            "n_steps": 16,
            "n_epochs": 2,
            "batch_size": 2048,
            "learning_rate": linear(0.02),
            "gae_lambda": 1.0,
            "max_kl": 1.0,
        },
    ),
    "REINFORCE": Algorithm("reinforce", 500_000, EPISODES),
    "RLOO": Algorithm("rloo", 500_000, EPISODES),
    "GRPO": Algorithm("grpo", 500_000, EPISODES),
}


def run(algorithm: Algorithm, task: exact.Solvable, env_kwargs: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train once; regret, reward, divergence, and what it cost."""
    agent = importlib.import_module(f"agents.{algorithm.agent}")
    began = time.process_time()
    trained = agent.make_agent(
        ENV_ID,
        seed=seed,
        total_tokens=algorithm.total_tokens,
        device="cpu",
        env_kwargs=dict(env_kwargs),
        kl_beta=BETA,
        kl_target=None,
        **algorithm.hyperparameters,
    )
    seconds = time.process_time() - began
    with torch.no_grad():
        policy = task.tabulate(lambda batch: trained.policy.get_distribution(batch).distribution.logits)
    figures = {"regret": task.regret(policy), "reward": task.reward(policy), "kl": task.kl(policy)}
    return {name: round(float(value), 5) for name, value in figures.items()} | {
        "tokens": trained.tokens,
        "CPU seconds": round(seconds, 1),
    }


def main() -> None:
    """Train, and write the results; those of other algorithms, variants and seeds stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=[*ALGORITHMS])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=[*VARIANTS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(10)])
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "solvable.json")
    arguments = parser.parse_args()
    logging.getLogger("textgym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    path: Path = arguments.output
    known = json.loads(path.read_text(encoding="utf-8"))["measured"] if path.exists() else []
    measured = {(row["variant"], row["algorithm"], row["seed"]): row for row in known}
    commit = provenance()["commit"]
    for variant in arguments.variants:
        task = exact.Solvable.of(ENV_ID, beta=BETA, **VARIANTS[variant])
        for name in arguments.algorithms:
            for seed in arguments.seeds:
                names = {"variant": variant, "algorithm": name, "seed": seed}
                row = names | run(ALGORITHMS[name], task, VARIANTS[variant], seed) | {"commit": commit}
                measured[variant, name, seed] = row
                console.print(", ".join(f"{key} {value}" for key, value in row.items()), highlight=False)
                write_measurements(path, "python -m benchmarks.solvable", [*measured.values()])
    console.print(f"wrote {path}")


if __name__ == "__main__":
    main()

"""What an agent without a language model learns over `textgym.wrappers.Shortlist`: ``python -m benchmarks.shortlist``.

Stock PPO of Stable-Baselines3 with its default perceptron (``agents/shortlist_ppo.py``) trains on every task, and what
it then writes on the test split is scored by the task's own reward and by its gold judge; beside it the same agent
before it has learned anything. The settings were chosen on another reward, the share of a letter in the text.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from stable_baselines3.common.utils import set_random_seed

from agents import shortlist_ppo
from benchmarks.results_io import ROOT, write_measurements
from textgym.envs import ENVIRONMENTS
from textgym.evaluation import evaluate_agent

console = Console()


def run(env_id: str, seed: int, total_tokens: int, num_examples: int | None = None) -> dict[str, Any]:
    """Train and evaluate once, before and after.

    Args:
        env_id: The task.
        seed: Decides everything that is random.
        total_tokens: The budget.
        num_examples: How many test examples are played; None for all.
    """
    scores = {}
    for when, tokens in (("before", 0), ("after", total_tokens)):
        began = time.perf_counter()
        agent = shortlist_ppo.make_agent(env_id, seed=seed, total_tokens=tokens)
        seconds = time.perf_counter() - began
        set_random_seed(seed)
        found = evaluate_agent(agent, env_id, seed=seed, num_examples=num_examples, num_envs=100, reference=None)
        scores[when] = found.metrics
    return {
        "environment": env_id,
        "seed": seed,
        "reward before": scores["before"]["return"],
        "reward": scores["after"]["return"],
        "gold before": scores["before"]["gold"],
        "gold": scores["after"]["gold"],
        "distinct-2": scores["after"]["distinct_2"],
        "tokens": agent.tokens,
        "tokens/s": round(agent.tokens / seconds),
        "n examples": len(found.records),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = [env_id for env_id in ENVIRONMENTS if env_id != "TextGen-Solvable-v0"]  # whose vocabulary is short already
    parser.add_argument("--ids", nargs="+", choices=tasks, default=tasks)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tokens", type=int, default=20_000, help="the budget of each run")
    parser.add_argument("--examples", type=int, help="of the test split; all by default")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "shortlist.json")
    args = parser.parse_args(arguments)
    logging.getLogger("textgym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    rows = []
    for seed in args.seeds:
        for env_id in args.ids:
            rows.append(run(env_id, seed, args.tokens, args.examples))
            console.print(", ".join(f"{name} {shown(value)}" for name, value in rows[-1].items()), highlight=False)
            write_measurements(args.output, "python -m benchmarks.shortlist", rows)
    console.print(f"wrote {args.output}")


def shown(value: Any) -> Any:
    """A figure as the console shows it."""
    return f"{value:.3f}" if isinstance(value, float | np.floating) else value


if __name__ == "__main__":
    main()

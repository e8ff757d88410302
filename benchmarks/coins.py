"""Does training by chance destroy what a model knows? ``python -m benchmarks.coins``.

Every agent that learns from rewards begins at the supervised model, and its rewards are drawn by coin: there is nothing
to learn, and what its own reward says afterwards, as a share of what it said before, is what the agent's settings keep.
Each trains by the settings and the budget that it has for such a start (``agents/supervised_<name>.toml``), or
where there are none by its own on the budget of PPO's. The bound is 95 %.

``--quick`` is for continuous integration: the pretrained model on Sentiment, and a budget of one rollout.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from stable_baselines3.common.utils import set_random_seed

from agents import supervised, supervised_ppo
from agents._settings import budget, settled
from agents.supervised import SupervisedAgent
from benchmarks import perform
from benchmarks.results_io import ROOT, write_measurements
from benchmarks.suite import AGENTS
from textgym.checks.doctor import Coin
from textgym.evaluation import evaluate_agent

LEARNERS = ("a2c", "grpo", "maskable_ppo", "ppo", "reinforce", "rloo", "trpo")
TASKS = ("TextGen-Arithmetic-v0",)
BOUND = 0.95
console = Console()


def supervised_model(env_id: str, seed: int, **overrides: Any) -> SupervisedAgent:
    """The model that the agents which train on begin from."""
    keywords = {"total_tokens": budget(supervised.__file__, env_id)} | overrides
    return supervised.make_agent(env_id, seed=seed, starts=perform.STARTS, **keywords)


def returns(
    agent: Any, env_id: str, num_examples: int | None, sample: int, *, deterministic: bool = False
) -> list[float]:
    """What the agent's texts for the validation split's first examples earn."""
    set_random_seed(sample)
    found = evaluate_agent(
        agent, env_id, seed=sample, split="validation", num_examples=num_examples, num_envs=100, gold=None,
        reference=None, deterministic=deterministic,
    )  # fmt: skip
    return [record["return"] for record in found.records]


def score(agent: Any, env_id: str, samples: int, num_examples: int | None) -> list[float]:
    """An agent's mean reward on the validation split, by the task's own reward function, once per sample of it."""
    return [float(np.mean(returns(agent, env_id, num_examples, sample))) for sample in range(samples)]


def measure(
    env_id: str,
    names: Sequence[str],
    seeds: Sequence[int],
    total_tokens: int | None = None,
    *,
    model: str | None = None,
    samples: int = 4,
    num_examples: int | None = None,
) -> list[dict[str, Any]]:
    """One row per agent: what it keeps of the reward that it begins with.

    Args:
        env_id: The task.
        names: Agents, by their files.
        seeds: Of the supervised model and of the agent.
        total_tokens: The agents' budget; None for that of each one's settings, or of PPO's where it has none.
        model: Where all begin, instead of the supervised model.
        samples: How often the validation split is played.
        num_examples: Of it, all by default.
    """
    files = {name: AGENTS / f"supervised_{name}.py" for name in names}
    budgets = {
        name: total_tokens or budget(file if file.is_file() else supervised_ppo.__file__, env_id)
        for name, file in files.items()
    }
    kept: dict[str, list[float]] = {name: [] for name in names}
    after: dict[str, list[float]] = {name: [] for name in names}
    before = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            start = model or folder
            if model is None:
                supervised_model(env_id, seed).save(folder)
            zero_shot = importlib.import_module("agents.zero_shot").make_agent(env_id, seed=seed, model=start)
            before.append(float(np.mean(score(zero_shot, env_id, samples, num_examples))))
            for name in names:
                make_agent = importlib.import_module(f"agents.{name}").make_agent
                drawn: dict[str, Any] = {"model": start, "env_kwargs": {"reward_funcs": Coin(seed)}}
                own = settled(files[name], env_id, {})
                agent = make_agent(env_id, seed=seed, total_tokens=budgets[name], **drawn, **own)
                after[name].append(float(np.mean(score(agent, env_id, samples, num_examples))))
                kept[name].append(after[name][-1] / before[-1])
                console.print(f"{env_id}, seed {seed}, {name}: {before[-1]:.3f} -> {after[name][-1]:.3f}")
    return [
        {
            "agent": name,
            "environment": env_id,
            "tokens": budgets[name],
            "reward before": float(np.mean(before)),
            "reward after": float(np.mean(after[name])),
            "share kept": float(np.mean(kept[name])),
            "least share kept": min(kept[name]),
            "n seeds": len(seeds),
        }
        for name in names
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the results.

    Returns:
        1 if an agent loses more than the bound allows, else 0; the quick variant, whose few texts cannot tell, 0.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", nargs="+", choices=LEARNERS, default=LEARNERS)
    parser.add_argument("--ids", nargs="+", default=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--model", help="where all begin, instead of the supervised model: a name or a folder")
    parser.add_argument("--quick", action="store_true", help="one task, one seed, one rollout")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "coins.json")
    args = parser.parse_args(arguments)
    logging.getLogger("textgym").setLevel(logging.ERROR)
    rows = []
    for env_id in ["TextGen-Sentiment-v0"] if args.quick else args.ids:  # where no text scores nothing
        if args.quick:
            quick: dict[str, Any] = {"model": "textgym-tiny", "samples": 1, "num_examples": 8}
            rows += measure(env_id, args.agents, args.seeds[:1], 1, **quick)
        else:
            rows += measure(env_id, args.agents, args.seeds, model=args.model)
        write_measurements(args.output, "python -m benchmarks.coins", rows)
    for row in rows:
        console.print(", ".join(f"{name}: {value}" for name, value in row.items()), highlight=False)
    console.print(f"wrote {args.output}")
    return int(not args.quick and any(row["share kept"] < BOUND for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())

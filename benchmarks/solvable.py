"""How near every algorithm comes to the optimum that is known: ``python -m benchmarks.solvable``.

Each trains from the same model on ``TextGen-Solvable-v0``, ten seeds, within a minute of one core, and its regret is
computed by enumeration (`textgym.checks.exact`): the share of what there was to gain, of reward less the price of
divergence, that it missed. 0 is the optimum, 1 the model that it began with. No score is sampled: what is left is what
the algorithm did.

Every agent trains by the settings that it has for the task, in the TOML beside its file, and a run whose settings or
commit are no longer today's is run again. An algorithm is added by a line in `ALGORITHMS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from rich.console import Console

from agents._settings import settings_of
from benchmarks.results_io import ROOT, provenance, write_measurements
from benchmarks.suite import AGENTS
from textgym import models
from textgym.checks import exact
from textgym.models import CausalLM
from textgym.sb3 import EpisodeAlgorithm, MaskableTransformerPolicy

ENV_ID, BETA = "TextGen-Solvable-v0", 0.1
TOKENS = {"max_new_tokens": 4}  # as many as the references have
VARIANTS: dict[str, dict[str, Any]] = {
    "conditional target": TOKENS,
    "constant target": TOKENS | {"dataset": "solvable_constant"},
    "long credit assignment": TOKENS | {"reward_funcs": "first_character"},
    "deceptive reward": TOKENS | {"reward_funcs": "deceptive"},
}
# no algorithms, but ascents along the exact gradient: Adam's second beta sets their floor, and with it that of all that
# train this model by Adam
ASCENT = {"steps": 250, "learning_rate": 0.02, "warmup_steps": 10}
EXACT = {"exact gradient": ASCENT | {"beta2": 0.999}, "exact gradient, short memory": ASCENT | {"beta2": 0.95}}
ALGORITHMS = {  # by the files of their agents
    "PPO": "ppo",
    "MaskablePPO": "maskable_ppo",
    "A2C": "a2c",
    "TRPO": "trpo",
    "REINFORCE": "reinforce",
    "RLOO": "rloo",
    "GRPO": "grpo",
}
NAMES = [*EXACT, *ALGORITHMS]
console = Console()


def settings(name: str) -> dict[str, Any]:
    """What one of `NAMES` trains by; the price on divergence is the same for all."""
    if name in EXACT:
        return EXACT[name]
    found = settings_of(AGENTS / f"{ALGORITHMS[name]}.py", ENV_ID)
    assert found is not None
    return {"total_tokens": found.total_tokens, **found.hyperparameters}


def train(name: str, task: exact.Solvable, env_kwargs: Mapping[str, Any], seed: int) -> dict[str, float]:
    """What is published of one of `NAMES`."""
    own = settings(name)
    return ascend(task, **own) if name in EXACT else run(ALGORITHMS[name], own, task, env_kwargs, seed)


def run(
    agent: str, own: Mapping[str, Any], task: exact.Solvable, env_kwargs: Mapping[str, Any], seed: int
) -> dict[str, float]:
    """Train once; regret, reward, divergence, what it cost, and how well its critic knows the values, if it has one.

    Args:
        agent: Its file.
        own: Its `settings`.
        task: The same as ``env_kwargs`` say.
        env_kwargs: Keywords of the environment.
        seed: Decides everything that is random.
    """
    make_agent = importlib.import_module(f"agents.{agent}").make_agent
    began = time.process_time()
    trained = make_agent(
        ENV_ID, seed=seed, device="cpu", env_kwargs=dict(env_kwargs), kl_beta=BETA, kl_target=None, **own
    )
    seconds = time.process_time() - began
    with torch.no_grad():
        policy = task.tabulate(lambda batch: trained.policy.get_distribution(batch).distribution.logits)
        if isinstance(trained.policy, MaskableTransformerPolicy):  # the reference that it is priced from is masked, too
            env: Any = gym.make(ENV_ID, **env_kwargs).unwrapped
            allowed = torch.as_tensor(env.action_masks())
            task = replace(task, reference=exact.among(task.reference, allowed))
            policy = exact.among(policy, allowed)
        found = figures(task, policy, trained.tokens, seconds)
        if isinstance(trained.model, EpisodeAlgorithm):
            return found
        critic = task.tabulate(trained.policy.predict_values)[:, :, 0]  # (P, M)
    return found | {"explained variance": round(explained_variance(task, policy, critic), 4)}


def ascend(
    task: exact.Solvable, *, steps: int, learning_rate: float, warmup_steps: int, beta2: float
) -> dict[str, float]:
    """The same figures without sampling: what the model and Adam leave to gain, whatever an algorithm estimates.

    Args:
        task: Its reference is the embedded model.
        steps: Of Adam, along the exact gradient.
        learning_rate: Rises over ``warmup_steps``, and then falls to 0 with the steps.
        warmup_steps: The first of them.
        beta2: Of Adam: how long it remembers the gradients that set its step sizes, those of the beginning among them.
    """
    began = time.process_time()
    language_model = CausalLM.load(models.LETTERS)
    language_model.model.requires_grad_(True)
    optimizer = torch.optim.Adam(language_model.model.parameters(), betas=(0.9, beta2))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * min((step + 1) / warmup_steps, 1 - step / steps)
        optimizer.zero_grad()
        (-task.objective(task.tabulate(exact.log_probs_of(language_model)))).backward()
        optimizer.step()
    seconds = time.process_time() - began
    with torch.no_grad():
        policy = task.tabulate(exact.log_probs_of(language_model))
    return figures(task, policy, 0, seconds)


def figures(task: exact.Solvable, policy: torch.Tensor, tokens: int, seconds: float) -> dict[str, float]:
    """What is published of a policy's table."""
    values = {"regret": task.regret(policy), "reward": task.reward(policy), "kl": task.kl(policy)}
    rounded = {name: round(float(value), 5) for name, value in values.items()}
    return rounded | {"tokens": tokens, "CPU seconds": round(seconds, 1)}


def explained_variance(task: exact.Solvable, policy: torch.Tensor, critic: torch.Tensor) -> float:
    """How much of the variance of the exact values a critic (P, M) knows, over the prefixes that the policy visits."""
    values, weights = task.values(policy), task.visits(policy)
    weights = weights / weights.sum()
    spread = (weights * (values - (weights * values).sum()) ** 2).sum()
    return float(1 - (weights * (values - critic) ** 2).sum() / spread)


def main() -> None:
    """Train, and write the results; those of other algorithms, variants and seeds stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=[*VARIANTS])
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(10)])
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "solvable.json")
    arguments = parser.parse_args()
    logging.getLogger("textgym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    path: Path = arguments.output
    origin = {name: provenance()[name] for name in ("commit", "dirty")}
    for variant, name in product(arguments.variants, arguments.algorithms):
        task = exact.Solvable.of(ENV_ID, beta=BETA, **VARIANTS[variant])
        for seed in arguments.seeds if name in ALGORITHMS else [0]:  # nothing about it is random
            names = {"variant": variant, "algorithm": name, "seed": seed}
            ways = {"settings": settings(name)} | origin
            if any(row.items() >= (names | ways).items() for row in published(path)):
                continue  # an interrupted command goes on
            row = names | train(name, task, VARIANTS[variant], seed) | ways
            others = [other for other in published(path) if not other.items() >= names.items()]
            console.print(", ".join(f"{key} {value}" for key, value in row.items()), highlight=False)
            write_measurements(path, "python -m benchmarks.solvable", [*others, row])
    console.print(f"wrote {path}")


def published(path: Path) -> list[dict[str, Any]]:
    """The rows of a results file, read anew each time: several processes may write it in turn."""
    return json.loads(path.read_text(encoding="utf-8"))["measured"] if path.exists() else []


if __name__ == "__main__":
    main()

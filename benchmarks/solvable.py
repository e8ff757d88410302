"""How near every algorithm comes to the optimum that is known: ``python -m benchmarks.solvable``.

Each trains from the same model on ``TextGen-Solvable-v0``, ten seeds, within a minute of one core, and its regret is
computed by enumeration (`textgym.checks.exact`): the share of what there was to gain, of reward less the price of
divergence, that it missed. 0 is the optimum, 1 the model that it began with. No score is sampled: what is left is what
the algorithm did.

Settings were chosen on seed 100. An algorithm is added by a line in `ALGORITHMS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from rich.console import Console
from stable_baselines3.common.utils import LinearSchedule

from benchmarks.results_io import ROOT, provenance, write_measurements
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
# no algorithms: Adam's second beta, and with it the floor of all that train this model by Adam
EXACT = {"exact gradient": 0.999, "exact gradient, short memory": 0.95}
WARMUP_STEPS = 10  # of the optimiser: 24 would be a tenth of what there are
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


# a constant learning rate would keep the policy moving about the optimum
# critics are fitted harder than usual: near the optimum their error is all the noise that is left
ON_POLICY = {
    "num_envs": 128, "n_steps": 16, "gae_lambda": 1.0, "vf_coef": 10.0, "max_kl": 1.0,
    "learning_rate": 0.01, "schedule": "linear", "warmup_steps": WARMUP_STEPS,
}  # fmt: skip
PPO = ON_POLICY | {"n_epochs": 3, "batch_size": 512}
# a completion that pays for all of its divergence returns the same as every other at the optimum: r - beta log ratio
# is beta log Z. If its tokens pay for what follows them alone, prefixes differ, and no baseline here knows by how much
EPISODES = {
    "n_prompts": 4, "kl_in": "reward_sum", "max_kl": 1.0, "learning_rate": 0.01, "schedule": "linear",
    "warmup_steps": WARMUP_STEPS,
}  # fmt: skip
GROUPS = EPISODES | {"group_size": 64, "n_epochs": 4}
# few conjugate gradients, or damped ones, go along the plain gradient and much less far in as much divergence
TRPO = {
    "num_envs": 256, "n_steps": 16, "gae_lambda": 1.0, "learning_rate": 0.02, "batch_size": 512, "n_critic_updates": 2,
    "target_kl": LinearSchedule(0.03, 0.0, 1.0), "cg_max_steps": 10, "cg_damping": 0.001, "warmup_steps": 0,
}  # fmt: skip
ALGORITHMS = {
    "PPO": Algorithm("ppo", 240_000, PPO),
    "MaskablePPO": Algorithm("maskable_ppo", 240_000, PPO),
    "A2C": Algorithm("a2c", 260_000, ON_POLICY | {"num_envs": 64}),
    "TRPO": Algorithm("trpo", 70_000, TRPO),
    "REINFORCE": Algorithm("reinforce", 280_000, EPISODES | {"group_size": 32}),
    "RLOO": Algorithm("rloo", 240_000, GROUPS),
    "GRPO": Algorithm("grpo", 240_000, GROUPS),
}
NAMES = [*EXACT, *ALGORITHMS]


def train(name: str, task: exact.Solvable, env_kwargs: Mapping[str, Any], seed: int) -> dict[str, float]:
    """What is published of one of `NAMES`."""
    return ascend(task, EXACT[name]) if name in EXACT else run(ALGORITHMS[name], task, env_kwargs, seed)


def run(algorithm: Algorithm, task: exact.Solvable, env_kwargs: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train once; regret, reward, divergence, what it cost, and how well its critic knows the values, if it has one."""
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


def ascend(task: exact.Solvable, beta2: float = 0.999, steps: int = 250, rate: float = 0.02) -> dict[str, float]:
    """The same figures without sampling: what the model and Adam leave to gain, whatever an algorithm estimates.

    Args:
        task: Its reference is the embedded model.
        beta2: Of Adam: how long it remembers the gradients that set its step sizes, those of the beginning among them.
        steps: Of Adam, along the exact gradient.
        rate: The learning rate, which rises over ten steps and then falls to 0 with the steps.
    """
    began = time.process_time()
    language_model = CausalLM.load(models.LETTERS)
    language_model.model.requires_grad_(True)
    optimizer = torch.optim.Adam(language_model.model.parameters(), betas=(0.9, beta2))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * min((step + 1) / WARMUP_STEPS, 1 - step / steps)
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
            if any(row.items() >= (names | origin).items() for row in published(path)):
                continue  # an interrupted command goes on
            found = train(name, task, VARIANTS[variant], seed)
            row = names | found | origin
            others = [other for other in published(path) if not other.items() >= names.items()]
            console.print(", ".join(f"{key} {value}" for key, value in row.items()), highlight=False)
            write_measurements(path, "python -m benchmarks.solvable", [*others, row])
    console.print(f"wrote {path}")


def published(path: Path) -> list[dict[str, Any]]:
    """The rows of a results file, read anew each time: several processes may write it in turn."""
    return json.loads(path.read_text(encoding="utf-8"))["measured"] if path.exists() else []


if __name__ == "__main__":
    main()

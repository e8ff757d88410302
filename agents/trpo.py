"""TRPO: sb3-contrib's. One natural-gradient step per rollout, as long as its divergence allows.

J. Schulman et al. (2015), "Trust Region Policy Optimization". The trunk that actor and critic share is the actor's: the
critic's steps train its head alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents._training import OnPolicyConfig, TrainedAgent, on_policy, trained
from textgym.sb3 import TRPO

version = 0


@dataclass(frozen=True, kw_only=True)
class Config(OnPolicyConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    learning_rate: float = 1e-3  # of the critic's head
    batch_size: int = 512  # tokens, of the critic's steps
    n_critic_updates: int = 4  # epochs
    target_kl: float = 0.0002  # nats per token: every step of the actor goes as far as it may, whatever it learns
    cg_max_steps: int = 8  # of the conjugate gradient
    cg_damping: float = 0.1
    line_search_max_iter: int = 10


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
    model: str | None = None,
    reference: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
    **hyperparameters: Any,
) -> TrainedAgent:
    """Train on the split ``train``; for the arguments see `agents.ppo`."""
    config = Config(**hyperparameters)
    trpo = on_policy(
        TRPO,
        env_id,
        config,
        seed=seed,
        model=model,
        reference=reference,
        env_kwargs=env_kwargs,
        device=device,
        batch_size=config.batch_size,
        n_critic_updates=config.n_critic_updates,
        target_kl=config.target_kl,
        cg_max_steps=config.cg_max_steps,
        cg_damping=config.cg_damping,
        line_search_max_iter=config.line_search_max_iter,
    )
    return trained(trpo, env_id, config, total_tokens, seconds, progress)

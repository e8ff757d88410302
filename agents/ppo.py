"""PPO: stock Stable-Baselines3, with textgym's transformer policy and sequence buffer, and an adaptive price on KL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stable_baselines3 import PPO

from agents._training import OnPolicyConfig, TrainedAgent, on_policy, trained
from textgym.sb3 import TrustRegion

version = 1


@dataclass(frozen=True, kw_only=True)
class Config(OnPolicyConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    n_steps: int = 64  # tokens per row and rollout
    n_epochs: int = 1
    batch_size: int = 1024  # tokens
    vf_coef: float = 0.1
    clip_range: float = 0.2
    max_grad_norm: float = 0.5
    max_kl: float = 0.002  # nats per token that an update may move the policy


class TrustRegionPPO(TrustRegion, PPO):
    """Whose updates are taken back if they go too far."""


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
    """Train on the split ``train``.

    Args:
        env_id: The task.
        seed: Decides everything that is random.
        total_tokens: Training ends with the rollout that reaches it.
        seconds: Training also ends when so much time is up.
        progress: Called with the tokens so far, after every rollout.
        model: Where training starts: a model's name or folder; None for the one that the environment's tokenizer is
            named after.
        reference: The model that the divergence from is priced: a model's name or folder; None for ``model``.
        env_kwargs: Keywords of the environment.
        device: Where it computes; ``"auto"`` for a GPU if there is one.
        **hyperparameters: See `Config`.
    """
    config = Config(**hyperparameters)
    ppo = on_policy(
        TrustRegionPPO,
        env_id,
        config,
        seed=seed,
        model=model,
        reference=reference,
        env_kwargs=env_kwargs,
        device=device,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        clip_range=config.clip_range,
        vf_coef=config.vf_coef,
        max_grad_norm=config.max_grad_norm,
        max_kl=config.max_kl,
    )
    return trained(ppo, env_id, config, total_tokens, seconds, progress)

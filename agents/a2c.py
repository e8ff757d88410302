"""A2C: stock Stable-Baselines3. One step of the optimiser per rollout, on the plain policy gradient.

V. Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning", in its synchronous form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stable_baselines3 import A2C

from agents._training import OnPolicyConfig, TrainedAgent, on_policy, trained
from textgym.sb3 import TrustRegion

version = 0


@dataclass(frozen=True, kw_only=True)
class Config(OnPolicyConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    n_steps: int = 16  # tokens per row and step of the optimiser
    vf_coef: float = 0.1
    max_grad_norm: float = 0.5
    normalize_advantage: bool = True
    max_kl: float = 0.002  # nats per token that an update may move the policy


class TrustRegionA2C(TrustRegion, A2C):
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
    """Train on the split ``train``; for the arguments see `agents.ppo`."""
    config = Config(**hyperparameters)
    a2c = on_policy(
        TrustRegionA2C,
        env_id,
        config,
        seed=seed,
        model=model,
        reference=reference,
        env_kwargs=env_kwargs,
        device=device,
        vf_coef=config.vf_coef,
        max_grad_norm=config.max_grad_norm,
        normalize_advantage=config.normalize_advantage,
        use_rms_prop=False,  # but Adam, as the others, which the model was pretrained with
        max_kl=config.max_kl,
    )
    return trained(a2c, env_id, config, total_tokens, seconds, progress)

"""PPO: stock Stable-Baselines3, with textgym's transformer policy and sequence buffer, and an adaptive price on KL."""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import PPO

from agents._training import OnPolicyConfig, make_agent_of, on_policy
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


make_agent = make_agent_of(__file__, on_policy, TrustRegionPPO, Config)

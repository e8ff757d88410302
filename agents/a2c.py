"""A2C: stock Stable-Baselines3. One step of the optimiser per rollout, on the plain policy gradient.

V. Mnih et al. (2016), "Asynchronous Methods for Deep Reinforcement Learning", in its synchronous form.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import A2C

from agents._training import OnPolicyConfig, make_agent_of, on_policy
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


# Adam, as the others, which the model was pretrained with
make_agent = make_agent_of(__file__, on_policy, TrustRegionA2C, Config, use_rms_prop=False)

"""TRPO: sb3-contrib's. One natural-gradient step per rollout, as long as its divergence allows.

J. Schulman et al. (2015), "Trust Region Policy Optimization". The critic has a trunk of its own: of one that it shared
only its head would be the critic's, for its steps must not move the actor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stable_baselines3.common.utils import LinearSchedule

from agents._training import OnPolicyConfig, make_agent_of, on_policy
from textgym.sb3 import TRPO, TransformerPolicy

version = 1


@dataclass(frozen=True, kw_only=True)
class Config(OnPolicyConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    learning_rate: float = 3e-4  # of the critic
    batch_size: int = 512  # tokens, of the critic's steps
    n_critic_updates: int = 4  # epochs
    target_kl: float = 0.0002  # nats per token, which falls as the learning rate: each step goes as far as it may
    cg_max_steps: int = 8  # of the conjugate gradient
    cg_damping: float = 0.1
    line_search_max_iter: int = 10


class SeparateCritic(TransformerPolicy):
    """Whose critic has a trunk of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"separate_critic": True})


def bounded(algorithm: type[Any], env_id: str, config: Config, **arguments: Any) -> Any:
    """`on_policy`, with one schedule for the critic's learning rate and the actor's bound."""
    if config.schedule == "linear":
        schedule: Any = LinearSchedule(config.target_kl, 0.0, 1.0)
        config = replace(config, target_kl=schedule)
    return on_policy(algorithm, env_id, config, **arguments)


make_agent = make_agent_of(__file__, bounded, TRPO, Config, policy=SeparateCritic)

"""REINFORCE: one completion of each prompt, and one baseline for all of them.

R. J. Williams (1992), "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents._training import EpisodeConfig, TrainedAgent, episodes, trained
from textgym.sb3 import REINFORCE, TrustRegion

version = 0


@dataclass(frozen=True, kw_only=True)
class Config(EpisodeConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    n_prompts: int = 64
    group_size: int = 1
    baseline: str = "mean"  # or "none", or "running"
    whiten: bool = True  # the advantages, over the tokens of the rollout, as in REINFORCE++
    aggregation: str = "constant"


class TrustRegionREINFORCE(TrustRegion, REINFORCE):
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
    reinforce = episodes(
        TrustRegionREINFORCE,
        env_id,
        config,
        seed=seed,
        model=model,
        reference=reference,
        env_kwargs=env_kwargs,
        device=device,
    )
    return trained(reinforce, env_id, config, total_tokens, seconds, progress)

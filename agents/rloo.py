"""RLOO: a completion is compared with the others of its prompt, and the gradient has no bias.

A. Ahmadian et al. (2024), "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in
LLMs".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents._training import EpisodeConfig, TrainedAgent, episodes, trained
from textgym.sb3 import RLOO, TrustRegion

version = 0


@dataclass(frozen=True, kw_only=True)
class Config(EpisodeConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    clip_range: float = 0.2
    aggregation: str = "constant"


class TrustRegionRLOO(TrustRegion, RLOO):
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
    rloo = episodes(
        TrustRegionRLOO,
        env_id,
        config,
        seed=seed,
        model=model,
        reference=reference,
        env_kwargs=env_kwargs,
        device=device,
    )
    return trained(rloo, env_id, config, total_tokens, seconds, progress)

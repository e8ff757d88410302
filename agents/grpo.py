"""GRPO: a completion is compared with the others of its prompt, in units of their standard deviation.

Z. Shao et al. (2024), "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models". Overrides
make it Dr. GRPO, DAPO, GSPO, CISPO or GDPO (docs/training.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents._training import EpisodeConfig, TrainedAgent, episodes, trained
from textgym.sb3 import GRPO, TrustRegion

version = 0


@dataclass(frozen=True, kw_only=True)
class Config(EpisodeConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    advantage: str = "grpo"  # or "dr_grpo", or "gdpo"
    loss: str = "ppo_clip"  # or "dual_clip", "cispo" or "policy_gradient"
    ratio: str = "token"  # or "sequence"
    clip_range: float = 0.2
    clip_range_high: float | None = None  # clip_range above 1, if it differs
    aggregation: str = "token_mean"  # or "sequence_sum", "sequence_mean" or "constant"
    drop_equal_groups: bool = False


class TrustRegionGRPO(TrustRegion, GRPO):
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
    grpo = episodes(
        TrustRegionGRPO,
        env_id,
        config,
        seed=seed,
        model=model,
        reference=reference,
        env_kwargs=env_kwargs,
        device=device,
    )
    return trained(grpo, env_id, config, total_tokens, seconds, progress)

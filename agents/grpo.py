"""GRPO: a completion is compared with the others of its prompt, in units of their standard deviation.

Z. Shao et al. (2024), "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models". Overrides
make it Dr. GRPO, DAPO, GSPO, CISPO or GDPO (docs/training.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from agents._training import EpisodeConfig, episodes, make_agent_of
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


make_agent = make_agent_of(__file__, episodes, TrustRegionGRPO, Config)

"""REINFORCE: one completion of each prompt, and one baseline for all of them.

R. J. Williams (1992), "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning".
"""

from __future__ import annotations

from dataclasses import dataclass

from agents._training import EpisodeConfig, episodes, make_agent_of
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


make_agent = make_agent_of(__file__, episodes, TrustRegionREINFORCE, Config)

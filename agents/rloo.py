"""RLOO: a completion is compared with the others of its prompt, and the gradient has no bias.

A. Ahmadian et al. (2024), "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in
LLMs".
"""

from __future__ import annotations

from dataclasses import dataclass

from agents._training import EpisodeConfig, episodes, make_agent_of
from textgym.sb3 import RLOO, TrustRegion

version = 0


@dataclass(frozen=True, kw_only=True)
class Config(EpisodeConfig):
    """Hyperparameters; overrides of `make_agent` go by these names."""

    clip_range: float = 0.2
    aggregation: str = "constant"


class TrustRegionRLOO(TrustRegion, RLOO):
    """Whose updates are taken back if they go too far."""


make_agent = make_agent_of(__file__, episodes, TrustRegionRLOO, Config)

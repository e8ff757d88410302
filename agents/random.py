"""Random: every token is as likely as any other. The zero of normalised scores."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np

import textgym  # noqa: F401 - registers the environments

version = 0


class RandomAgent:
    """Uniform over the allowed tokens (all but pad and BOS)."""

    def __init__(self, allowed: np.ndarray, seed: int) -> None:
        self.allowed = allowed  # token ids
        self.rng = np.random.default_rng(seed)

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """A token for every row; no token is likelier than another, so that ``deterministic`` changes nothing."""
        return self.rng.choice(self.allowed, size=len(obs["input_ids"])), state

    def log_prob(self, obs: Any, actions: Any) -> np.ndarray:
        """Log-probabilities (N,)."""
        return np.full(len(actions), -math.log(len(self.allowed)))


def make_agent(
    env_id: str, *, seed: int, total_tokens: int = 0, env_kwargs: dict[str, Any] | None = None
) -> RandomAgent:
    """Nothing to train: ``total_tokens`` is ignored."""
    env: Any = gym.make(env_id, **(env_kwargs or {})).unwrapped
    return RandomAgent(np.flatnonzero(env.action_masks()), seed)

"""What agents share that are a language model: where they start from, and how they are saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import textgym  # noqa: F401 - registers the environments
from textgym.models.causal_lm import device_of
from textgym.sb3 import TransformerPolicy


def language_policy(
    env_id: str,
    model: str | None,
    env_kwargs: dict[str, Any] | None,
    dtype: str = "float32",
    device: str = "auto",
) -> TransformerPolicy:
    """A language model as a policy of an environment.

    Args:
        env_id: The task.
        model: A model's name or folder; None for the one that the environment's tokenizer is named after.
        env_kwargs: Keywords of the environment.
        dtype: See `TransformerPolicy`.
        device: Where it computes; ``"auto"`` for an accelerator if there is one.
    """
    env: Any = gym.make(env_id, **(env_kwargs or {})).unwrapped
    name = model or env.tokenizer.name
    policy = TransformerPolicy(env.observation_space, env.action_space, lambda _: 0.0, model=name, dtype=dtype)
    return policy.to(device_of(device))


class PolicyAgent:
    """A trained policy.

    Attributes:
        policy: The policy.
        tokens: How many tokens it was trained on.
        hyperparameters: Those that it was trained with.
    """

    def __init__(self, policy: TransformerPolicy, tokens: int, hyperparameters: dict[str, Any]) -> None:
        self.policy, self.tokens, self.hyperparameters = policy, tokens, hyperparameters

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """A token for every row."""
        return self.policy.predict(obs, state, episode_start, deterministic)

    def log_prob(self, obs: Any, actions: Any) -> Any:
        """Log-probabilities (N,) of tokens."""
        return self.policy.log_prob(obs, actions)

    def save(self, folder: str | Path) -> None:
        """Write the language model and its tokenizer, so that every agent can start from there: ``model=folder``.

        Whatever interrupts it destroys no file that was there before.
        """
        self.policy.export(folder)

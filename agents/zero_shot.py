"""Zero-shot: the language model that the environment's tokenizer belongs to, as it is. Where reinforcement begins.

Its sampling noise is torch's: seed torch for reproducible texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents._policy import language_policy
from textgym.sb3 import TransformerPolicy

version = 0


class Greedy:
    """Takes a policy's likeliest token, always. It offers no ``log_prob``, for it does not sample."""

    def __init__(self, policy: TransformerPolicy) -> None:
        self.policy = policy

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[np.ndarray, Any]:
        """The likeliest token of every row."""
        return self.policy.predict(obs, state, episode_start, deterministic=True)


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int = 0,
    model: str | None = None,
    greedy: bool = False,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
) -> TransformerPolicy | Greedy:
    """Nothing to train: ``seed`` and ``total_tokens`` are ignored.

    Args:
        env_id: The task.
        seed: Ignored.
        total_tokens: Ignored.
        model: A model's name or folder; None for the one that the environment's tokenizer is named after.
        greedy: Take the likeliest token instead of a sample.
        env_kwargs: Keywords of the environment.
        device: Where the model computes; ``"auto"`` for an accelerator if there is one.
    """
    policy = language_policy(env_id, model, env_kwargs, device=device)
    return Greedy(policy) if greedy else policy

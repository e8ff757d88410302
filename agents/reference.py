"""Reference: replays the data set's own references, what is asked for. The one of normalised scores.

Where the data has labels, as for sentiment, only positive texts are replayed: a prompt out of a negative review is
continued by a positive review of the same split. So is a row without a reference by that of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents._replay import Replay, exemplary, written
from textgym.errors import ConfigurationError

version = 0


class Reference(Replay):
    """Plays references, cut to the task's length."""

    def __init__(self, env_id: str, split: str, seed: int, env_kwargs: dict[str, Any] | None) -> None:
        super().__init__(env_id, split, env_kwargs)
        good = exemplary(self.env.dataset)
        if not good.any():
            raise ConfigurationError(
                f"{self.env.dataset.name}, split {split!r}, has no value in the column 'reference' to replay. "
                "Add some, or choose another agent."
            )
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(good), size=len(good))
        self.source = np.where(good, np.arange(len(good)), drawn)
        references = self.env.dataset.columns["reference"]
        self.references = [text[0] if isinstance(text, list) else text for text in references]  # of good rows, texts

    def plan(self, indices: Sequence[int]) -> list[list[int]]:
        """Each row's reference; tokens past the task's limit are never asked for."""
        return [written(self.env, index, self.references[self.source[index]]) for index in indices]


def make_agent(
    env_id: str, *, seed: int, total_tokens: int = 0, split: str = "test", env_kwargs: dict[str, Any] | None = None
) -> Reference:
    """Nothing to train: ``total_tokens`` is ignored. ``seed`` draws the texts for negative prompts."""
    return Reference(env_id, split, seed, env_kwargs)

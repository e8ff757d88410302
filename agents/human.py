"""Human: replays what people wrote, the data set's own references. The one of normalised scores.

Where the data has labels, as for sentiment, only positive texts are replayed: a prompt out of a negative review is
continued by a positive review of the same split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents._replay import Replay


class Human(Replay):
    """Plays references, cut to the task's length."""

    def __init__(self, env_id: str, split: str, seed: int, env_kwargs: dict[str, Any] | None) -> None:
        super().__init__(env_id, split, env_kwargs)
        columns = self.env.dataset.columns
        labels = np.asarray(columns.get("label", np.ones(len(columns["prompt"]))))
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(labels == 1), size=len(labels))
        self.source = np.where(labels == 1, np.arange(len(labels)), drawn)
        self.references = [text if isinstance(text, str) else text[0] for text in columns["reference"]]

    def plan(self, indices: Sequence[int]) -> list[list[int]]:
        """References go on behind a space; tokens past the task's limit are never asked for."""
        sources = [self.references[self.source[index]] for index in indices]
        tokenizer = self.env.tokenizer
        return [[*tokenizer.encode(" " + text), tokenizer.eos_token_id] for text in sources]


def make_agent(
    env_id: str, *, seed: int, total_tokens: int = 0, split: str = "test", env_kwargs: dict[str, Any] | None = None
) -> Human:
    """Nothing to train: ``total_tokens`` is ignored. ``seed`` draws the texts for negative prompts."""
    return Human(env_id, split, seed, env_kwargs)

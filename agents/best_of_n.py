"""Best of n: the language model writes n completions, and the one that the task's own reward likes best is played.

No training, n times the tokens. The strongest simple baseline for any method that trains: its divergence from the
model is at most ``log n - (n - 1) / n`` nats (Beirami et al., 2024, "Theoretical guarantees on the best-of-n
alignment policy").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from agents import zero_shot
from agents._replay import Replay
from textgym.evaluation import Agent, play

SIDE_BY_SIDE = 512  # completions

version = 0


class BestOfN(Replay):
    """Looks ahead by playing n episodes from the same prompt in an environment of its own.

    Attributes:
        tokens: Generated so far, those of discarded completions among them.
        kl_bound: An upper bound of the divergence from the model, in nats per completion.
    """

    def __init__(self, env_id: str, policy: Agent, n: int, split: str, env_kwargs: dict[str, Any] | None) -> None:
        super().__init__(env_id, split, env_kwargs, num_envs=SIDE_BY_SIDE)
        self.policy, self.n = policy, n
        self.tokens = 0
        self.kl_bound = math.log(n) - (n - 1) / n

    def plan(self, indices: Sequence[int]) -> list[list[int]]:
        """The best completion for each row of the data set."""
        episodes = play(self.policy, self.env, np.repeat(indices, self.n).tolist())
        completions = [episode.tokens[episode.info["prompt_length"] :].tolist() for episode in episodes]
        self.tokens += sum(map(len, completions))
        scores = np.array([episode.score for episode in episodes]).reshape(-1, self.n)  # (prompts, n)
        return [completions[i * self.n + best] for i, best in enumerate(scores.argmax(1))]


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int = 0,
    n: int = 4,
    model: str | None = None,
    split: str = "test",
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
) -> BestOfN:
    """Nothing to train: ``seed`` and ``total_tokens`` are ignored; for the rest see `agents.zero_shot`."""
    policy = zero_shot.make_agent(env_id, seed=seed, model=model, env_kwargs=env_kwargs, device=device)
    return BestOfN(env_id, policy, n, split, env_kwargs)

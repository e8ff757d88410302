"""Beam search: of the completions that begin like the likeliest ones, the likeliest, by transformers' ``generate``.

No training. What a model knows is searched for and not sampled: where the likeliest text is the right one, as in
translation, this is the baseline; in open text it is dull and goes round in circles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from agents._policy import language_policy
from agents._replay import Replay
from textgym.sb3 import TransformerPolicy

version = 0


class BeamSearch(Replay):
    """Searches when an episode begins.

    Attributes:
        tokens: Generated so far, those of dropped beams among them.
    """

    def __init__(
        self,
        env_id: str,
        policy: TransformerPolicy,
        width: int,
        length_penalty: float,
        split: str,
        env_kwargs: dict[str, Any] | None,
    ) -> None:
        super().__init__(env_id, split, env_kwargs)
        self.policy, self.width, self.length_penalty = policy, width, length_penalty
        self.tokens = 0

    @torch.no_grad()
    def plan(self, indices: Sequence[int]) -> list[list[int]]:
        """The completion of the highest log-probability, by its length, for each row of the data set."""
        tokenizer, prompts = self.env.tokenizer, [self.env.prompt_ids(index) for index in indices]
        longest = max(map(len, prompts))
        padding = [[tokenizer.pad_token_id] * (longest - len(prompt)) for prompt in prompts]  # on the left, as it reads
        ids = torch.tensor([[*left, *prompt] for left, prompt in zip(padding, prompts, strict=True)])
        mask = torch.tensor([[0] * len(left) + [1] * (longest - len(left)) for left in padding])
        never = [token for token, allowed in enumerate(self.env.action_masks()[0]) if not allowed]
        found = self.policy.language_model.generate(
            ids.to(self.policy.device),
            attention_mask=mask.to(self.policy.device),
            do_sample=False,
            num_beams=self.width,
            length_penalty=self.length_penalty,
            max_new_tokens=self.env.config.max_new_tokens,
            eos_token_id=list(tokenizer.eos_token_ids),
            pad_token_id=tokenizer.pad_token_id,
            suppress_tokens=never,
        )[:, longest:].tolist()
        completions = [until_end(row, tokenizer.eos_token_ids) for row in found]
        self.tokens += self.width * sum(map(len, completions))
        return completions


def until_end(row: list[int], eos_token_ids: Sequence[int]) -> list[int]:
    """Tokens up to and with the first that ends a text."""
    ends = [i for i, token in enumerate(row) if token in eos_token_ids]
    return row[: ends[0] + 1] if ends else row


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int = 0,
    width: int = 4,
    length_penalty: float = 1.0,
    model: str | None = None,
    split: str = "test",
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
) -> BeamSearch:
    """Nothing to train: ``seed`` and ``total_tokens`` are ignored; for the rest see `agents.zero_shot`.

    Args:
        env_id: The task.
        seed: Ignored.
        total_tokens: Ignored.
        width: Beams, the texts that are followed at a time; 1 is greedy.
        length_penalty: The power of its length by which a text's log-probability is divided; 0 prefers short ones.
        model: A model's name or folder; None for the one that the environment's tokenizer is named after.
        split: The split whose prompts it will meet.
        env_kwargs: Keywords of the environment.
        device: Where the model computes; ``"auto"`` for an accelerator if there is one.
    """
    policy = language_policy(env_id, model, env_kwargs, device=device)
    return BeamSearch(env_id, policy, width, length_penalty, split, env_kwargs)

"""`Task`: what makes one environment different from the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textgym import models
from textgym.envs.config import EpisodeConfig


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task: its data, what the agent reads of them, how its text is scored, and what else is worth reporting.

    Attributes:
        id: Gymnasium's, with a version: ``"TextGen-<Task>-v0"``.
        dataset: A name that `textgym.data.load` knows, with the splits train, validation and test.
        reward_funcs: The proxy that agents are trained on: one registered reward's name.
        max_prompt_tokens: See `EpisodeConfig`.
        max_new_tokens: See `EpisodeConfig`.
        gold: The held-out judge that evaluation reports beside it: a registered reward's name, of another kind than
            the proxy; the proxy itself where that is the truth and not a stand-in for it.
        metrics: What evaluation reports besides: registered rewards, averaged over the examples, or metrics of whole
            data sets, `textgym.metrics.corpus`.
        prompt_template: See `EpisodeConfig`.
        tokenizer: See `EpisodeConfig`.
        grammar: The name of the one that its references are written by, if it has one; the id does not set it.
    """

    id: str
    dataset: str
    reward_funcs: str
    max_prompt_tokens: int
    max_new_tokens: int
    gold: str
    metrics: tuple[str, ...] = ()
    prompt_template: str = EpisodeConfig.prompt_template
    tokenizer: str = models.DEFAULT
    grammar: str | None = None

    @property
    def kwargs(self) -> dict[str, Any]:
        """What the id is registered with: strings and numbers only, for Gymnasium writes them as JSON."""
        return {
            "tokenizer": self.tokenizer,
            "dataset": self.dataset,
            "split": EpisodeConfig.split,
            "reward_funcs": self.reward_funcs,
            "prompt_template": self.prompt_template,
            "max_prompt_tokens": self.max_prompt_tokens,
            "max_new_tokens": self.max_new_tokens,
        }

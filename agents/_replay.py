"""What agents share that know whole texts: those that plan one and play it token by token, and those that learn it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textgym.data.datasets import Dataset
from textgym.envs.prompts import continuation
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError
from textgym.evaluation import make_env


class Replay:
    """Knows a row's text by what it reads, for ``predict`` is not told which prompt a row has.

    Args:
        env_id: The task.
        split: The split whose prompts it will meet.
        env_kwargs: Further keywords of the environment.
        num_envs: How many episodes its own environment plays side by side.
    """

    def __init__(self, env_id: str, split: str, env_kwargs: dict[str, Any] | None, num_envs: int = 1) -> None:
        self.env_id, self.split, self.env_kwargs = env_id, split, env_kwargs
        self.env = make_env(env_id, num_envs, split, env_kwargs)
        self._index: dict[bytes, int] = {}
        for index, prompt in enumerate(prompt_ids(self.env)):
            self._index.setdefault(prompt.tobytes(), index)
        self._plans: list[np.ndarray] = []  # each row's prompt and completion

    def plan(self, indices: Sequence[int]) -> list[list[int]]:
        """The completions, with EOS, to play for some rows of the data set."""
        raise NotImplementedError

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """The next token of every row's plan; rows that have begun are planned for."""
        read = texts(obs)
        if len(self._plans) != len(read):
            self._plans = [np.empty(0, np.int64) for _ in read]
        begun = np.zeros(len(read), bool) if episode_start is None else np.asarray(episode_start)
        new = [i for i, text in enumerate(read) if begun[i] or not goes_on(self._plans[i], text)]
        if new:
            plans = self.plan([self._index_of(read[i]) for i in new])
            for i, plan in zip(new, plans, strict=True):
                self._plans[i] = np.concatenate([read[i], plan])
        return np.array([plan[len(text)] for plan, text in zip(self._plans, read, strict=True)]), state

    def _index_of(self, prompt: np.ndarray) -> int:
        index = self._index.get(prompt.tobytes())
        if index is None:
            raise ConfigurationError(
                f"The tokens {prompt.tolist()} are no prompt of {self.env_id}, split {self.split!r}. "
                "Give the split that is played: make_agent(..., split=...)."
            )
        return index


def prompt_ids(env: TextGenVectorEnv) -> list[np.ndarray]:
    """The tokens of every prompt of an environment, as an agent reads them."""
    return [np.array(env.prompt_ids(index)) for index in range(len(env.dataset))]


def written(env: TextGenVectorEnv, index: int, reference: str) -> list[int]:
    """The tokens, with EOS, of a reference that goes on from a row's prompt."""
    return [*env.tokenizer.encode(continuation(env.prompts[index], reference)), env.tokenizer.eos_token_id]


def exemplary(dataset: Dataset) -> np.ndarray:
    """Whether each row has a reference that shows what is asked for, bool (N,): of labelled ones the positive do."""
    there = np.array([value is not None for value in dataset.columns.get("reference", [None] * len(dataset))])
    labels = dataset.columns.get("label", ())
    if set(labels) != {0, 1}:  # classes, ratings, or nothing at all: no row is a bad example
        return there
    return there & (np.asarray(labels) == 1)


def texts(obs: Any) -> list[np.ndarray]:
    """The tokens of each row without padding."""
    return [ids[:length] for ids, length in zip(obs["input_ids"], obs["attention_mask"].sum(1), strict=True)]


def goes_on(plan: np.ndarray, text: np.ndarray) -> bool:
    """Whether a text is the beginning of a plan, and the plan says how it goes on."""
    return len(plan) > len(text) and np.array_equal(plan[: len(text)], text)

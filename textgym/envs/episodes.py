"""The episodes of n rows side by side, in numpy: all that the single and the vector environment have in common.

The core knows no randomness: its users draw the prompts. Per step it touches arrays only; Python runs per row where
an episode begins or ends.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from textgym import data
from textgym.data.datasets import RowNames, Source
from textgym.envs.prompts import Template, encode_prompts, solved_examples
from textgym.errors import ConfigurationError, InvalidActionError
from textgym.models import load_tokenizer
from textgym.rewards.scoring import RewardFunctions, Spec
from textgym.tokenizer import TextTokenizer

Observation = dict[str, np.ndarray]
GIVEN = ("prompt", "completion")  # columns that reward functions don't get as such: they have `prompts`, `completions`

Shaping: TypeAlias = Spec | Sequence[Spec] | bool | None


class EpisodeCore:
    """n episodes of token-by-token generation; the arguments are those of `TextGenEnv`.

    Attributes:
        tokenizer: Text to ids and back, V ids.
        dataset: The data set, N rows.
        prompts: The N prompts as the agent sees them, templated and cut.
        rewards: The reward functions.
        shaping: The potential of unfinished texts, None for none.
        observation_space: Of one row; L = max_prompt_tokens + max_new_tokens.
        action_space: ``Discrete(V)``.
        input_ids: int64 (n, L), prompt, then actions, then pad.
        lengths: int64 (n,), tokens of prompt and actions.
        prompt_lengths: int64 (n,), tokens of the prompt.
        index: int64 (n,), row of the data set.
        running: bool (n,), whether the row can be stepped.
    """

    def __init__(
        self,
        num_envs: int,
        *,
        tokenizer: str | TextTokenizer,
        dataset: Source,
        split: str,
        reward_funcs: Spec | Sequence[Spec],
        reward_weights: Sequence[float] | None,
        shaping: Shaping,
        prompt_template: str,
        shots: int,
        max_prompt_tokens: int,
        max_new_tokens: int,
    ) -> None:
        max_prompt_tokens = positive_integer("max_prompt_tokens", max_prompt_tokens)
        self.max_new_tokens = max_new_tokens = positive_integer("max_new_tokens", max_new_tokens)
        self.tokenizer = load_tokenizer(tokenizer)
        self.dataset = data.load(dataset, split)
        self.rewards = RewardFunctions(reward_funcs, reward_weights)
        self.shaping = potential(shaping, reward_funcs, reward_weights)
        template = Template(prompt_template, self.tokenizer)
        # rows are every split, and may be an iterator that has been read
        train = data.load(dataset if isinstance(dataset, (str, Path)) else self.dataset, "train") if shots else None
        solved = solved_examples(template, train, shots) if train else []
        encoded = encode_prompts(template, self.dataset, max_prompt_tokens, solved)
        self.prompts, self._prompt_ids, self._prompt_lengths = encoded
        self._prompt_starts = np.cumsum(self._prompt_lengths) - self._prompt_lengths
        self._columns = {key: values for key, values in self.dataset.columns.items() if key not in GIVEN}

        vocab_size, length = self.tokenizer.vocab_size, max_prompt_tokens + max_new_tokens
        self.observation_space = spaces.Dict(
            input_ids=spaces.Box(0, vocab_size - 1, (length,), np.int64),
            attention_mask=spaces.Box(0, 1, (length,), np.int8),
        )
        self.action_space = spaces.Discrete(vocab_size)
        self._ends = np.isin(np.arange(vocab_size), self.tokenizer.eos_token_ids)  # bool (V,)
        self._row = np.arange(num_envs)
        self._column = np.arange(length)
        self.input_ids = np.full((num_envs, length), self.tokenizer.pad_token_id, np.int64)
        self.lengths = np.zeros(num_envs, np.int64)
        self.prompt_lengths = np.zeros(num_envs, np.int64)
        self.index = np.zeros(num_envs, np.int64)
        self.running = np.zeros(num_envs, bool)
        self._potentials = np.zeros(num_envs)  # of the texts so far; 0 before the first token

    def begin(self, rows: Iterable[int], indices: Iterable[Any]) -> list[dict[str, Any]]:
        """Start episodes.

        Args:
            rows: The rows that start.
            indices: The row of the data set that each starts from.

        Returns:
            The info of each.

        Raises:
            ConfigurationError: An index is no row of the data set.
        """
        rows, valid = list(rows), [self._valid_index(value) for value in indices]
        lengths = self._prompt_lengths[valid]  # (k,)
        columns = self._prompt_starts[valid, None] + self._column  # (k, L), past the prompt's end too
        tokens = self._prompt_ids.take(columns, mode="clip")
        self.input_ids[rows] = np.where(self._column < lengths[:, None], tokens, self.tokenizer.pad_token_id)
        self.lengths[rows] = self.prompt_lengths[rows] = lengths
        self.index[rows] = valid
        self.running[rows] = True
        self._potentials[rows] = 0.0
        return [
            {"prompt": self.prompts[index], "prompt_length": length, "index": index}
            for index, length in zip(valid, lengths.tolist(), strict=True)
        ]

    def append(self, actions: np.ndarray) -> np.ndarray:
        """Append one token to every row.

        Args:
            actions: Integers (n,) in [0, V).

        Returns:
            The rows whose episode ended with it, int64 (k,).

        Raises:
            InvalidActionError: An action is no token id.
            ResetNeeded: A row has not begun, or has ended.
        """
        actions = np.asarray(actions)
        self._check(actions)
        self.input_ids[self._row, self.lengths] = actions
        self.lengths += 1
        full = self.lengths - self.prompt_lengths == self.max_new_tokens
        ended = np.flatnonzero(full | self._ends[actions])
        self.running[ended] = False
        return ended

    def rewards_of_step(self, ended: np.ndarray) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """The rewards after a step: scores where an episode ended, and everywhere what shaping adds.

        Shaping is potential-based (Ng et al., 1999) with discount 1 and potential 0 at both ends of an episode, so that
        its sum over an episode is 0 and the return is the score.

        Args:
            ended: The rows that ended, (k,).

        Returns:
            Rewards, float64 (n,), and the final info of each row that ended.

        Raises:
            RewardError: A reward function failed.
        """
        rewards = np.zeros(len(self._row))
        infos: list[dict[str, Any]] = []
        if len(ended):
            rewards[ended], infos = self._finish(ended)
        if self.shaping is not None:
            potentials = np.zeros(len(self._row))
            unfinished = np.flatnonzero(self.running)
            if len(unfinished):
                potentials[unfinished], _ = self.shaping.score(**self._texts(unfinished))
            rewards += potentials - self._potentials
            self._potentials = potentials
        return rewards, infos

    def _texts(self, rows: np.ndarray) -> dict[str, Any]:
        """What reward functions are told of some rows, the arguments of `RewardFunctions.score`."""
        indices = self.index[rows].tolist()
        completion_ids = self.completion_ids(rows)
        return {
            "prompts": [self.prompts[index] for index in indices],
            "completions": self.tokenizer.decode_batch(completion_ids),
            "completion_ids": completion_ids,
            "columns": {key: [values[index] for index in indices] for key, values in self._columns.items()},
            "rows": RowNames(self.dataset, indices),
        }

    def _finish(self, rows: np.ndarray) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Score ended episodes, all in one call of each reward function: rewards (k,) and final infos."""
        by_eos = self._ends[self.input_ids[rows, self.lengths[rows] - 1]].tolist()
        texts = self._texts(rows)
        totals, components = self.rewards.score(**texts)
        infos = [
            {
                "prompt": prompt,
                "completion": completion,
                "finish_reason": "eos" if eos else "length",
                "rewards": rewards,
                "prompt_length": prompt_length,
                "completion_length": len(ids),
                "index": index,
            }
            for prompt, completion, eos, rewards, prompt_length, ids, index in zip(
                texts["prompts"],
                texts["completions"],
                by_eos,
                components,
                self.prompt_lengths[rows].tolist(),
                texts["completion_ids"],
                texts["rows"].indices,
                strict=True,
            )
        ]
        for info, reference in zip(infos, texts["columns"].get("reference", ()), strict=False):
            # a list of the data set's own would be changed for good by a user who changes the info
            info["reference"] = list(reference) if isinstance(reference, list) else reference
        return totals, infos

    def completion_ids(self, rows: Sequence[int] | np.ndarray) -> list[list[int]]:
        """The tokens that were generated so far, without an EOS that ended the episode."""
        starts, ends = self.prompt_lengths[rows], self.lengths[rows]  # (k,)
        input_ids = self.input_ids[rows]  # (k, L)
        last = input_ids[np.arange(len(ends)), ends - 1]  # (k,), an EOS only where it ended the episode
        ends = ends - (self._ends[last] & (ends > starts))
        written = (self._column >= starts[:, None]) & (self._column < ends[:, None])  # (k, L)
        tokens, cuts = input_ids[written].tolist(), np.cumsum(ends - starts).tolist()
        return [tokens[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]

    def observation(self, rows: Any = slice(None)) -> Observation:
        """Fresh arrays: ``input_ids`` int64 (n, L) and ``attention_mask`` int8 (n, L), or (L,) for one row."""
        mask = self._column < self.lengths[rows, None]
        return {"input_ids": self.input_ids[rows].copy(), "attention_mask": mask.view(np.int8)}

    def action_mask(self) -> np.ndarray:
        """The allowed tokens, bool (V,): all but pad and BOS, and always what ends a text, which may be one of them."""
        mask = np.ones(self.tokenizer.vocab_size, bool)
        mask[self.tokenizer.pad_token_id] = False
        if self.tokenizer.bos_token_id is not None:
            mask[self.tokenizer.bos_token_id] = False
        mask[self._ends] = True
        return mask

    def _check(self, actions: np.ndarray) -> None:
        """Refuse actions before any of them changes the state."""
        vocab_size = self.tokenizer.vocab_size
        if actions.shape != self._row.shape or actions.dtype.kind not in "iu":
            raise InvalidActionError(
                f"Actions are integers from 0 to {vocab_size - 1}, the token ids, of shape {self._row.shape}; "
                f"got {actions.tolist()!r} of type {actions.dtype} and shape {actions.shape}."
            )
        if actions.min() < 0 or actions.max() >= vocab_size:
            row = int(np.flatnonzero((actions < 0) | (actions >= vocab_size))[0])
            raise InvalidActionError(
                f"Action {actions[row]} of row {row} is no token id. The vocabulary has {vocab_size} tokens: "
                f"give an integer from 0 to {vocab_size - 1}."
            )
        if not self.running.all():
            rows = np.flatnonzero(~self.running).tolist()
            raise ResetNeeded(
                f"Cannot call env.step(): the episodes of rows {rows} have not begun or are over. Call env.reset()."
            )

    def _valid_index(self, value: Any) -> int:
        try:
            index = operator.index(value)
        except TypeError:
            index = -1
        if not 0 <= index < len(self.prompts):
            raise ConfigurationError(
                f"index {value!r} is no row of {self.dataset.name}, split {self.dataset.split!r}: "
                f"give an integer from 0 to {len(self.dataset) - 1}."
            )
        return index


def potential(
    shaping: Shaping, reward_funcs: Spec | Sequence[Spec], reward_weights: Sequence[float] | None
) -> RewardFunctions | None:
    """The potential that ``shaping`` means, given what is rewarded at the end; None for none."""
    if shaping is None or shaping is False:
        return None
    if shaping is True:
        return RewardFunctions(reward_funcs, reward_weights)
    if not isinstance(shaping, Sequence) and not callable(shaping):
        raise ConfigurationError(f"shaping is {shaping!r}. Give True, a reward's name, a callable, or a list of them.")
    return RewardFunctions(shaping)


def positive_integer(name: str, value: Any) -> int:
    """The value of an argument.

    Raises:
        ConfigurationError: It is no integer, or less than 1.
    """
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigurationError(f"{name} is {value!r}. Give an integer of at least 1.")
    return int(value)

"""The episodes of n rows side by side, in numpy: all that the single and the vector environment have in common.

The core knows no randomness: its users draw the prompts. Per step it touches arrays only; Python runs per row where
an episode begins or ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from textgym import data
from textgym.data.datasets import RowNames
from textgym.envs.config import EpisodeConfig
from textgym.envs.grammar import Grammar
from textgym.envs.options import integer
from textgym.envs.prompts import Template, encode_prompts, solved_examples
from textgym.envs.spaces import TokenIds
from textgym.errors import ConfigurationError, InvalidActionError, shown
from textgym.models import load_tokenizer
from textgym.rewards.scoring import RewardFunctions

Observation = dict[str, np.ndarray]
GIVEN = ("prompt", "completion")  # columns that reward functions don't get as such: they have `prompts`, `completions`


class EpisodeCore:
    """n episodes of token-by-token generation.

    Args:
        num_envs: n.
        config: What the episodes are made of.

    Attributes:
        max_new_tokens: See `EpisodeConfig`.
        tokenizer: Text to ids and back, V ids.
        dataset: The data set, N rows.
        prompts: The N prompts as the agent sees them, templated and cut.
        rewards: The reward functions.
        shaping: The potential of unfinished texts, None for none.
        grammar: What may be written, None for anything.
        observation_space: The space of one row's observation; L = max_prompt_tokens + max_new_tokens.
        action_space: ``Discrete(V)``.
        input_ids: int64 (n, L), prompt, then actions, then pad.
        lengths: int64 (n,), tokens of prompt and actions.
        prompt_lengths: int64 (n,), tokens of the prompt.
        index: int64 (n,), row of the data set.
        running: bool (n,), whether the row can be stepped.
    """

    # what resets and steps change
    STATE = ("rewards", "shaping", "input_ids", "lengths", "prompt_lengths", "index", "running", "_potentials")

    def __init__(self, num_envs: int, config: EpisodeConfig) -> None:
        self.max_new_tokens, max_prompt_tokens = int(config.max_new_tokens), int(config.max_prompt_tokens)
        self.tokenizer = load_tokenizer(config.tokenizer)
        self.dataset = data.load(config.dataset, config.split)
        self.rewards = RewardFunctions(config.reward_funcs, config.reward_weights)
        self.shaping = potential(config)
        template = Template(config.prompt_template, self.tokenizer)
        train = train_split(config, self.dataset) if config.shots or config.grammar is not None else self.dataset
        solved = solved_examples(template, train, config.shots) if config.shots else []
        self.grammar = None if config.grammar is None else Grammar(config.grammar, train, self.tokenizer)
        encoded = encode_prompts(template, self.dataset, max_prompt_tokens, solved)
        self.prompts, self._prompt_ids, self._prompt_lengths = encoded
        self._prompt_starts = np.cumsum(self._prompt_lengths) - self._prompt_lengths
        self.rewards.require(self.dataset.columns)
        self._columns = {key: values for key, values in self.dataset.columns.items() if key not in GIVEN}

        vocab_size, length = self.tokenizer.vocab_size, max_prompt_tokens + self.max_new_tokens
        self.observation_space = spaces.Dict(
            input_ids=TokenIds(0, vocab_size - 1, (length,), np.int64),
            attention_mask=spaces.Box(0, 1, (length,), np.int8),
        )
        self.action_space = spaces.Discrete(vocab_size)
        self._ends = np.isin(np.arange(vocab_size), self.tokenizer.eos_token_ids)  # bool (V,)
        self._env = np.arange(num_envs)
        self._column = np.arange(length)
        self.input_ids = np.full((num_envs, length), self.tokenizer.pad_token_id, np.int64)
        self.lengths = np.zeros(num_envs, np.int64)
        self.prompt_lengths = np.zeros(num_envs, np.int64)
        self.index = np.zeros(num_envs, np.int64)
        self.running = np.zeros(num_envs, bool)
        self._potentials = np.zeros(num_envs)  # of the texts so far; 0 before the first token

    def begin(self, envs: Sequence[int] | np.ndarray, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Start episodes.

        Args:
            envs: The environments that start one, (k,).
            indices: The example that each starts from, (k,), see `valid_index`.

        Returns:
            The info of each.
        """
        lengths = self._prompt_lengths[indices]  # (k,)
        columns = self._prompt_starts[indices, None] + self._column  # (k, L), past the prompt's end too
        tokens = self._prompt_ids.take(columns, mode="clip")
        self.input_ids[envs] = np.where(self._column < lengths[:, None], tokens, self.tokenizer.pad_token_id)
        self.lengths[envs] = self.prompt_lengths[envs] = lengths
        self.index[envs] = indices
        self.running[envs] = True
        self._potentials[envs] = 0.0
        return [
            {"prompt": self.prompts[index], "prompt_length": length, "index": index}
            for index, length in zip(indices, lengths.tolist(), strict=True)
        ]

    def append(self, actions: np.ndarray, envs: np.ndarray | None = None) -> np.ndarray:
        """Append one token to running episodes.

        Args:
            actions: Integers (n,), in [0, V) where they are appended; the others are ignored.
            envs: The environments where one is, int64 (k,); None for all.

        Returns:
            The environments whose episode ended with it, int64 (k',).

        Raises:
            InvalidActionError: An action is no token id.
            ResetNeeded: An episode has not begun, or has ended.
        """
        actions, at = np.asarray(actions), slice(None) if envs is None else envs
        self._check(actions, at)
        actions, lengths = actions[at], self.lengths[at]
        self.input_ids[self._env[at], lengths] = actions
        self.lengths[at] += 1
        full = self.lengths[at] - self.prompt_lengths[at] == self.max_new_tokens
        ended = self._env[at][full | self._ends[actions]]
        self.running[ended] = False
        return ended

    def stop(self, envs: np.ndarray) -> None:
        """End episodes as they are, without a score."""
        self.running[envs] = False
        self._potentials[envs] = 0.0

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
        rewards = np.zeros(len(self._env))
        infos: list[dict[str, Any]] = []
        if len(ended):
            rewards[ended], infos = self._finish(ended)
        if self.shaping is not None:
            potentials = np.zeros(len(self._env))
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

    def action_masks(self) -> np.ndarray:
        """The allowed tokens, bool (n, V): all but pad and BOS, and always what ends a text, which may be one of them.

        With a grammar, those alone that it lets follow the row's text.
        """
        mask = np.ones(self.tokenizer.vocab_size, bool)
        mask[self.tokenizer.pad_token_id] = False
        if self.tokenizer.bos_token_id is not None:
            mask[self.tokenizer.bos_token_id] = False
        mask[self._ends] = True
        if self.grammar is None:
            return np.tile(mask, (len(self._env), 1))
        return np.stack([self.grammar.mask(ids) for ids in self.completion_ids(self._env)])

    def _check(self, actions: np.ndarray, at: slice | np.ndarray) -> None:
        """Refuse actions before any of them changes the state."""
        vocab_size = self.tokenizer.vocab_size
        if actions.shape != self._env.shape or actions.dtype.kind not in "iu":
            raise InvalidActionError(
                f"Actions are integers from 0 to {vocab_size - 1}, the token ids, of shape {self._env.shape}; "
                f"got {shown(actions.tolist())} of type {actions.dtype} and shape {actions.shape}."
            )
        tokens = actions[at]
        if len(tokens) and (tokens.min() < 0 or tokens.max() >= vocab_size):
            env = self._env[at][(tokens < 0) | (tokens >= vocab_size)][0]
            raise InvalidActionError(
                f"Action {actions[env]} of environment {env} is no token id. The vocabulary has {vocab_size} "
                f"tokens: give an integer from 0 to {vocab_size - 1}."
            )
        if not self.running[at].all():
            over = self._env[at][~self.running[at]].tolist()
            raise ResetNeeded(
                f"Cannot call env.step(): the episodes of environments {shown(over)} have not begun or are over. "
                "Call env.reset()."
            )

    def valid_index(self, value: Any) -> int:
        """The example that an index means.

        Raises:
            ConfigurationError: It is no example of the data set.
        """
        index = integer(value)
        if index is None or not 0 <= index < len(self.prompts):
            raise ConfigurationError(
                f"index {shown(value)} is no row of {self.dataset.name}, split {self.dataset.split!r}: "
                f"give an integer from 0 to {len(self.dataset) - 1}."
            )
        return index

    def prompt_ids(self, index: int) -> list[int]:
        """The tokens of an example's prompt."""
        start = self._prompt_starts[index]
        return self._prompt_ids[start : start + self._prompt_lengths[index]].tolist()


def train_split(config: EpisodeConfig, dataset: data.Dataset) -> data.Dataset:
    """The train split of the data set that a configuration names; the data set itself where it is that.

    Args:
        config: The configuration.
        dataset: What its ``dataset`` and ``split`` have been loaded as.
    """
    # examples are every split, and may be an iterator that has been read
    if config.split == "train" or not isinstance(config.dataset, (str, Path, Mapping)):
        return dataset
    return data.load(config.dataset, "train")


def potential(config: EpisodeConfig) -> RewardFunctions | None:
    """The potential that ``shaping`` means, given what is rewarded at the end; None for none."""
    shaping = config.shaping
    if shaping is None or shaping is False:
        return None
    if shaping is True:
        return RewardFunctions(config.reward_funcs, config.reward_weights)
    if not isinstance(shaping, Sequence) and not callable(shaping):
        raise ConfigurationError(f"shaping is {shaping!r}. Give True, a reward's name, a callable, or a list of them.")
    return RewardFunctions(shaping)

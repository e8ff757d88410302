"""`TextGenVectorEnv`: many rows of `TextGenEnv` in one numpy core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from textgym.data.datasets import Dataset, Source
from textgym.envs import rendering
from textgym.envs.episodes import EpisodeCore, Observation, Shaping, positive_integer
from textgym.errors import ConfigurationError
from textgym.rewards.scoring import Spec
from textgym.tokenizer import TextTokenizer


class TextGenVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """n rows of `TextGenEnv`, whose rewards are computed in one batched call for all rows that end in a step.

    Observations, rewards, ends and infos are those of ``SyncVectorEnv(..., autoreset_mode=AutoresetMode.SAME_STEP)``
    over single environments: a row that ends begins its next episode in the same step, with the old one's last
    observation and info under ``final_obs`` and ``final_info``. Row i, seeded ``seed + i``, goes through the episodes
    of a single environment with that seed.

    Args:
        num_envs: Rows.
        tokenizer, dataset, split, reward_funcs, reward_weights, shaping, prompt_template, shots, max_prompt_tokens,
            max_new_tokens: See `TextGenEnv`.
        render_mode: None, ``"ansi"`` or ``"rgb_array"``.
        max_episode_steps: Truncates after so many tokens, without a reward, as ``gym.make`` does it with `TimeLimit`.
            None or -1: never. For shorter texts that are scored, give ``max_new_tokens``.

    Attributes:
        tokenizer: The `TextTokenizer`.
        ended: The last info of each episode that ended in the last step, by row: the dict that `TextGenEnv` gives,
            which is cheaper to read than the masked arrays of ``final_info``. Empty for a truncated episode.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as the base class declares it
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        dataset: Source,
        reward_funcs: Spec | Sequence[Spec],
        tokenizer: str | TextTokenizer = "textgym-tiny",
        split: str = "train",
        reward_weights: Sequence[float] | None = None,
        shaping: Shaping = None,
        prompt_template: str = "{prompt}",
        shots: int = 0,
        max_prompt_tokens: int = 64,
        max_new_tokens: int = 64,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        num_envs = positive_integer("num_envs", num_envs)
        self.render_mode = rendering.valid_mode(render_mode, self.metadata["render_modes"])
        self._core = EpisodeCore(
            num_envs,
            tokenizer=tokenizer,
            dataset=dataset,
            split=split,
            reward_funcs=reward_funcs,
            reward_weights=reward_weights,
            shaping=shaping,
            prompt_template=prompt_template,
            shots=shots,
            max_prompt_tokens=max_prompt_tokens,
            max_new_tokens=max_new_tokens,
        )
        self.num_envs = num_envs
        self._max_episode_steps = (
            math.inf if max_episode_steps in (None, -1) else positive_integer("max_episode_steps", max_episode_steps)
        )
        self.tokenizer = self._core.tokenizer
        self.single_observation_space = self._core.observation_space
        self.single_action_space = self._core.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.ended: dict[int, dict[str, Any]] = {}
        self._generators: list[np.random.Generator | None] = [None] * num_envs
        self._seeds: list[int] = [-1] * num_envs

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode in every row.

        Args:
            seed: Row i is seeded ``seed + i``, or with its own entry of a sequence.
            options: ``"index"``, an int or n of them, chooses the rows of the data set (None: drawn);
                ``"reset_mask"``, bool (n,), leaves the other rows' episodes as they are.

        Returns:
            The observations, and the infos ``prompt``, ``prompt_length`` and ``index`` of the rows that began.

        Raises:
            ConfigurationError: Seeds, index or mask have the wrong shape or type.
        """
        options = options or {}
        rows = self._rows_to_reset(options.get("reset_mask"))
        self._seed(rows, seed)
        self.ended = {}
        infos = self._core.begin(rows, self._indices(rows, options.get("index")))
        return self._core.observation(), stack_infos(rows, infos, self.num_envs)

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Append a token to every row; rows that end begin anew.

        Args:
            actions: Token ids (n,).

        Returns:
            Observations, rewards float64 (n,), terminated bool (n,), truncated bool (n,) (all False without
            ``max_episode_steps``), and infos, empty where no row ended.

        Raises:
            InvalidActionError: An action is no token id.
            ResetNeeded: A row has not begun.
            RewardError: A reward function failed.
        """
        n = self.num_envs
        scored = self._core.append(actions)
        rewards, final_infos = self._core.rewards_of_step(scored)
        terminated, infos = np.zeros(n, bool), {}
        terminated[scored] = True
        truncated = self._core.lengths - self._core.prompt_lengths >= self._max_episode_steps
        over = terminated | truncated
        self.ended = {row: {} for row in np.flatnonzero(over).tolist()}
        self.ended.update(zip(scored.tolist(), final_infos, strict=True))
        if self.ended:
            rows = list(self.ended)
            final = self._core.observation(rows)
            final_obs = [dict(zip(final, arrays, strict=True)) for arrays in zip(*final.values(), strict=True)]
            begun = self._core.begin(rows, self._indices(rows, None))
            infos = {
                "final_obs": object_array(rows, final_obs, n),
                "_final_obs": over.copy(),
                "final_info": stack_infos(rows, list(self.ended.values()), n),
                "_final_info": over.copy(),
                **stack_infos(rows, begun, n),
            }
        return self._core.observation(), rewards, terminated, truncated, infos

    def action_masks(self) -> np.ndarray:
        """The allowed tokens, bool (n, V), fresh: all but pad and BOS."""
        return np.tile(self._core.action_mask(), (self.num_envs, 1))

    def render(self) -> tuple[Any, ...] | None:
        """The rows' running episodes as texts, or as pictures of them."""
        if self.render_mode is None:
            return None
        show = rendering.episode_text if self.render_mode == "ansi" else rendering.picture
        return tuple(show(self._core, row, None) for row in range(self.num_envs))

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The rows' generators."""
        return tuple(self._generator(row) for row in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The rows' seeds."""
        self.np_random  # noqa: B018 - rows without a generator get one
        return tuple(self._seeds)

    @property
    def dataset(self) -> Dataset:
        """The data set that the prompts are from; shared by all rows."""
        return self._core.dataset

    @property
    def prompts(self) -> list[str]:
        """Every row's prompt as the agent reads it: templated and cut."""
        return self._core.prompts

    @property
    def reward_seconds(self) -> float:
        """Seconds spent in reward functions since the environment was made."""
        shaping = self._core.shaping
        return self._core.rewards.seconds + (shaping.seconds if shaping else 0.0)

    def _generator(self, row: int) -> np.random.Generator:
        generator = self._generators[row]
        if generator is None:
            generator, self._seeds[row] = seeding.np_random()
            self._generators[row] = generator
        return generator

    def _seed(self, rows: list[int], seed: int | Sequence[int | None] | None) -> None:
        if seed is None:
            return
        seeds: Any = [seed + i for i in range(self.num_envs)] if isinstance(seed, (int, np.integer)) else seed
        if not isinstance(seeds, (Sequence, np.ndarray)) or len(seeds) != self.num_envs:
            raise ConfigurationError(f"seed is {seed!r}, for {self.num_envs} rows. Give one int, or one for each row.")
        for row in rows:
            if seeds[row] is not None:
                own = int(seeds[row]) if isinstance(seeds[row], np.integer) else seeds[row]  # Gymnasium wants int
                self._generators[row], self._seeds[row] = seeding.np_random(own)

    def _rows_to_reset(self, mask: Any) -> list[int]:
        if mask is None:
            return list(range(self.num_envs))
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ConfigurationError(
                f"options['reset_mask'] is {mask!r}. "
                f"Give a bool array of shape ({self.num_envs},) with at least one True."
            )
        return np.flatnonzero(mask).tolist()

    def _indices(self, rows: list[int], index: Any) -> list[Any]:
        """The data set's rows that the given rows begin from: those asked for, and drawn where none is."""
        indices = [index] * self.num_envs if np.ndim(index) == 0 else list(index)
        if len(indices) != self.num_envs:
            raise ConfigurationError(
                f"options['index'] has {len(indices)} entries for {self.num_envs} rows. Give one for each, or an int."
            )
        size = len(self._core.dataset)
        return [self._generator(row).integers(size) if indices[row] is None else indices[row] for row in rows]


def object_array(rows: Sequence[int], values: Sequence[Any], num_envs: int) -> np.ndarray:
    """Values at their rows of an object array (n,), None elsewhere."""
    array = np.full(num_envs, None, dtype=object)
    array[rows] = np.fromiter(values, object, len(values))  # not np.array, which would turn lists into a second axis
    return array


def stack_infos(rows: Sequence[int], infos: Sequence[dict[str, Any]], num_envs: int) -> dict[str, Any]:
    """Infos of some rows as Gymnasium's vector infos: arrays (n,), and for each key the mask ``_key`` of its rows.

    It does what `VectorEnv._add_info` does, a key at a time instead of a row at a time.
    """
    stacked: dict[str, Any] = {}
    for key in dict.fromkeys(chain.from_iterable(infos)):
        at = rows
        try:
            values = [info[key] for info in infos]
        except KeyError:  # not every row has it
            at = [row for row, info in zip(rows, infos, strict=True) if key in info]
            values = [info[key] for info in infos if key in info]
        if isinstance(values[0], dict):
            column: Any = stack_infos(at, values, num_envs)
        elif isinstance(values[0], (int, float)):
            column = np.zeros(num_envs, dtype=type(values[0]))
            column[at] = values
        else:
            column = object_array(at, values, num_envs)
        mask = np.zeros(num_envs, bool)
        mask[at] = True
        stacked[key], stacked[f"_{key}"] = column, mask
    return stacked

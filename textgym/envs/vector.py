"""`TextGenVectorEnv`: many text-generation environments side by side in one numpy core."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from textgym.arguments import positive_integer
from textgym.envs import options as given
from textgym.envs import rendering
from textgym.envs.config import MOST, EpisodeConfig, takes_config
from textgym.envs.episodes import EpisodeCore, Observation
from textgym.errors import ConfigurationError, shown


@takes_config
class TextGenVectorEnv(VectorEnv[Observation, np.ndarray, np.ndarray]):
    """n environments like `TextGenEnv`, whose rewards are computed in one batched call for all that end in a step.

    Observations, rewards, ends and infos are those of Gymnasium's ``SyncVectorEnv`` over single environments, in each
    of its autoreset modes. Environment i, seeded ``seed + i``, goes through the episodes of a single environment with
    that seed.

    Args:
        num_envs: How many environments there are, n.
        **keywords: Those of `EpisodeConfig`.
        render_mode: None, ``"ansi"`` or ``"rgb_array"``.
        max_episode_steps: Truncates after so many tokens, without a reward, as ``gym.make`` does it with `TimeLimit`.
            None or -1: never. For shorter texts that are scored, give ``max_new_tokens``.
        autoreset_mode: When an environment whose episode has ended begins the next one, a
            `gymnasium.vector.AutoresetMode` or its value: ``"SameStep"``, in the same step, with the old episode's last
            observation and info under ``final_obs`` and ``final_info``; ``"NextStep"``, in the next step, which ignores
            its action; ``"Disabled"``, when ``reset(options={"reset_mask": ...})`` says so, and until then it stands
            still: steps ignore its action, earn 0.0 and leave its ends as they are.

    Attributes:
        config: The `EpisodeConfig`.
        tokenizer: The `TextTokenizer`.
        dataset: The data set, shared by all environments.
        prompts: Every example's prompt as the agent reads it: templated and cut.
        rewards: The `RewardFunctions` that score finished texts.
        autoreset_mode: The `AutoresetMode`.
        ended: The last info of each episode that ended in the last step, by environment: the dict that `TextGenEnv`
            gives, which is cheaper to read than masked arrays. Empty for a truncated episode.

    Raises:
        UnknownNameError: There is no keyword, tokenizer, data set, split or reward of a name.
        DatasetError: The data set cannot be used.
        ConfigurationError: A keyword has a value that cannot be meant, or keywords do not fit one another.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as the base class declares it
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,  # an instance's own says which it has
    }

    STATE = ("_core", "_generators", "_seeds", "_terminated", "_truncated")  # what resets and steps change

    def __init__(
        self,
        num_envs: int = 1,
        *,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        **keywords: Any,
    ) -> None:
        self.num_envs = num_envs = positive_integer("num_envs", num_envs, MOST)
        self.render_mode = rendering.valid_mode(render_mode, self.metadata["render_modes"])
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.max_episode_steps = (
            math.inf if max_episode_steps in (None, -1) else positive_integer("max_episode_steps", max_episode_steps)
        )
        self.config = EpisodeConfig.of(keywords)
        self._core = core = EpisodeCore(num_envs, self.config)
        self.tokenizer, self.dataset, self.prompts, self.rewards = (
            core.tokenizer, core.dataset, core.prompts, core.rewards,
        )  # fmt: skip
        self.single_observation_space, self.single_action_space = core.observation_space, core.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.ended: dict[int, dict[str, Any]] = {}
        self._terminated, self._truncated = np.zeros(num_envs, bool), np.zeros(num_envs, bool)  # and not reset since
        self._generators: list[np.random.Generator | None] = [None] * num_envs
        self._seeds: list[int] = [-1] * num_envs

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode in every environment.

        Args:
            seed: Environment i is seeded ``seed + i``, or with its own entry of a sequence.
            options: ``"index"``, an int or n of them, chooses the examples of the data set (None: drawn);
                ``"reset_mask"``, bool (n,), leaves the other environments' episodes as they are.

        Returns:
            The observations, and the infos ``prompt``, ``prompt_length`` and ``index`` of the episodes that began.

        Raises:
            ConfigurationError: Seeds, index or mask have the wrong shape or type.
            UnknownNameError: There is another option.
        """
        index, mask = given.options_of(options, "index", "reset_mask")
        envs = given.mask_of(mask, self.num_envs).tolist()
        indices = given.indices_of(index, self.num_envs)
        chosen = {env: self._core.valid_index(indices[env]) for env in envs if indices[env] is not None}
        seeds = given.seeds_of(seed, self.num_envs)
        for env in envs:
            if seeds[env] is not None:
                self._generators[env], self._seeds[env] = seeding.np_random(seeds[env])
        self.ended = {}
        self._terminated[envs] = self._truncated[envs] = False
        infos = self._core.begin(envs, [chosen[env] if env in chosen else self._drawn(env) for env in envs])
        return self._core.observation(), stack_infos(envs, infos, self.num_envs)

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Append a token in every environment; what happens where an episode is over is ``autoreset_mode``'s to say.

        Args:
            actions: Token ids (n,).

        Returns:
            Observations, rewards float64 (n,), terminated bool (n,), truncated bool (n,) (all False without
            ``max_episode_steps``), and infos, empty where no episode ended.

        Raises:
            InvalidActionError: An action is no token id.
            ResetNeeded: An episode has not begun; without autoreset, none is running.
            RewardError: A reward function failed.
        """
        core, n = self._core, self.num_envs
        waiting = self._waiting()
        scored = core.append(actions, None if waiting is None else np.flatnonzero(~waiting))
        rewards, final_infos = core.rewards_of_step(scored)
        terminated = np.zeros(n, bool)
        terminated[scored] = True
        truncated = self._truncate(waiting)
        self.ended = {env: {} for env in np.flatnonzero(terminated | truncated).tolist()}
        self.ended.update(zip(scored.tolist(), final_infos, strict=True))
        infos = self._reset_and_tell(waiting) if self.ended or waiting is not None else {}
        if self.autoreset_mode is AutoresetMode.DISABLED:
            terminated, truncated = terminated | self._terminated, truncated | self._truncated
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._terminated, self._truncated = terminated.copy(), truncated.copy()
        return core.observation(), rewards, terminated, truncated, infos

    @contextmanager
    def without_autoreset(self) -> Iterator[None]:
        """Inside, the mode is ``"Disabled"``; no episode goes on from before it, and none behind it.

        For whoever plays episodes of their own choice in an environment that others step.
        """
        mode = self.autoreset_mode
        self._stop_all()
        self.autoreset_mode = AutoresetMode.DISABLED
        try:
            yield
        finally:
            self.autoreset_mode = mode
            self._stop_all()

    def _stop_all(self) -> None:
        self._core.stop(np.arange(self.num_envs))
        self._terminated[:] = self._truncated[:] = False

    def _waiting(self) -> np.ndarray | None:
        """The environments that a step leaves out, bool (n,); None for none."""
        match self.autoreset_mode:
            case AutoresetMode.SAME_STEP:
                return None
            case AutoresetMode.NEXT_STEP:
                waiting = self._terminated | self._truncated
            case AutoresetMode.DISABLED:
                waiting = ~self._core.running
                if waiting.all():
                    return None  # the core says what is wrong
        return waiting if waiting.any() else None

    def _truncate(self, waiting: np.ndarray | None) -> np.ndarray:
        """End the episodes that have ``max_episode_steps``; returns where, bool (n,)."""
        if self.max_episode_steps == math.inf:
            return np.zeros(self.num_envs, bool)
        truncated = self._core.lengths - self._core.prompt_lengths >= self.max_episode_steps
        if waiting is not None:
            truncated &= ~waiting
        self._core.stop(np.flatnonzero(truncated))
        return truncated

    def _reset_and_tell(self, waiting: np.ndarray | None) -> dict[str, Any]:
        """The infos of a step, after the resets that are due in it: of those that have ended, or of those waiting."""
        envs, final_infos = list(self.ended), list(self.ended.values())
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            begun: list[int] = []
            if self.autoreset_mode is AutoresetMode.NEXT_STEP and waiting is not None:
                begun = np.flatnonzero(waiting).tolist()
            return stack_infos([*envs, *begun], [*final_infos, *self._begin_drawn(begun)], self.num_envs)
        final = self._core.observation(envs)
        final_obs = [dict(zip(final, arrays, strict=True)) for arrays in zip(*final.values(), strict=True)]
        over = np.zeros(self.num_envs, bool)
        over[envs] = True
        return {
            "final_obs": object_array(envs, final_obs, self.num_envs),
            "_final_obs": over,
            "final_info": stack_infos(envs, final_infos, self.num_envs),
            "_final_info": over.copy(),
            **stack_infos(envs, self._begin_drawn(envs), self.num_envs),
        }

    def _begin_drawn(self, envs: Sequence[int]) -> list[dict[str, Any]]:
        """Begin an episode from an example that each environment draws."""
        return self._core.begin(envs, [self._drawn(env) for env in envs])

    def _drawn(self, env: int) -> int:
        return int(self._generator(env).integers(len(self.dataset)))

    def action_masks(self) -> np.ndarray:
        """The allowed tokens, bool (n, V), fresh: all but pad and BOS; with ``grammar`` what may follow each text."""
        return self._core.action_masks()

    def prompt_ids(self, index: int) -> list[int]:
        """The tokens of an example's prompt as the agent reads them."""
        return self._core.prompt_ids(index)

    def render(self) -> tuple[Any, ...] | None:
        """The running episodes as texts, or as pictures of them."""
        if self.render_mode is None:
            return None
        show = rendering.episode_text if self.render_mode == "ansi" else rendering.picture
        return tuple(show(self._core, env, None) for env in range(self.num_envs))

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The environments' generators."""
        return tuple(self._generator(env) for env in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The environments' seeds."""
        self.np_random  # noqa: B018 - environments without a generator get one
        return tuple(self._seeds)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What a method of the environments returns, or an attribute, for each, as of Gymnasium's ``SyncVectorEnv``.

        Args:
            name: The name of one that this environment has.
            *args: Arguments of the method.
            **kwargs: Keyword arguments of the method.
        """
        value = getattr(self, name)
        if not callable(value):
            return (value,) * self.num_envs
        result = value(*args, **kwargs)
        per_env = isinstance(result, np.ndarray | tuple) and len(result) == self.num_envs
        return tuple(result) if per_env else (result,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute, once for each environment: they share it."""
        return (getattr(self, name),) * self.num_envs

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute for all environments, which share it.

        Args:
            name: Its name.
            values: Its value, or a list or a tuple with the same one for each environment.

        Raises:
            ConfigurationError: The environments are to have different ones.
        """
        each = list(values) if isinstance(values, list | tuple) else [values]
        if len(each) not in (1, self.num_envs) or any(value is not each[0] for value in each):
            raise ConfigurationError(
                f"set_attr({name!r}, {shown(values)}): the {self.num_envs} environments share one environment's "
                "attributes. Give one value."
            )
        setattr(self, name, each[0])

    @property
    def reward_seconds(self) -> float:
        """Seconds spent in reward functions since the environment was made."""
        shaping = self._core.shaping
        return self.rewards.seconds + (shaping.seconds if shaping else 0.0)

    def _generator(self, env: int) -> np.random.Generator:
        generator = self._generators[env]
        if generator is None:
            generator, self._seeds[env] = seeding.np_random()
            self._generators[env] = generator
        return generator


def autoreset_mode_of(mode: Any) -> AutoresetMode:
    """The mode itself, or the one of this value.

    Raises:
        ConfigurationError: There is no such mode.
    """
    try:
        return AutoresetMode(mode)
    except ValueError:
        modes = ", ".join(repr(each.value) for each in AutoresetMode)
        raise ConfigurationError(f"autoreset_mode is {mode!r}. Choose one of {modes}.") from None


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

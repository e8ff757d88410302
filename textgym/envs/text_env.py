"""`TextGenEnv`: text generation as a Gymnasium environment, one token per step."""

from __future__ import annotations

import operator
import sys
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from textgym.envs import docstrings, rendering
from textgym.envs import options as given
from textgym.envs.config import EpisodeConfig, takes_config
from textgym.envs.episodes import EpisodeCore, Observation
from textgym.envs.task import Task
from textgym.errors import InvalidActionError


@takes_config
class TextGenEnv(gym.Env[Any, Any]):
    """A prompt is given; every action appends one token; the finished text is scored.

    Args:
        **keywords: Those of `EpisodeConfig`.
        render_mode: None, ``"ansi"`` (a string), ``"human"`` (written to stdout as it grows) or ``"rgb_array"``.

    Attributes:
        config: The `EpisodeConfig`.
        tokenizer: The `TextTokenizer`.
        dataset: The data set.
        prompts: Every example's prompt as the agent reads it: templated and cut.
        rewards: The `RewardFunctions` that score finished texts.
        task: What a subclass's id stands for.

    Raises:
        UnknownNameError: There is no keyword, tokenizer, data set, split or reward of a name.
        DatasetError: The data set cannot be used.
        ConfigurationError: A keyword has a value that cannot be meant, or keywords do not fit one another.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human", "rgb_array"], "render_fps": 10}  # noqa: RUF012 - as the base class declares it

    task: ClassVar[Task | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__doc__" in vars(cls) and cls.__doc__ is not None:  # python -OO drops it
            cls.__doc__ = docstrings.complete(cls.__doc__)

    def __init__(self, *, render_mode: str | None = None, **keywords: Any) -> None:
        self.render_mode = rendering.valid_mode(render_mode, self.metadata["render_modes"])
        self.config = EpisodeConfig.of(keywords)
        self._core = core = EpisodeCore(1, self.config)
        self.tokenizer, self.dataset, self.prompts, self.rewards = (
            core.tokenizer, core.dataset, core.prompts, core.rewards,
        )  # fmt: skip
        self.observation_space, self.action_space = core.observation_space, core.action_space
        self._final_info: dict[str, Any] | None = None
        self._written = ""  # what human mode has shown of the completion

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Seeds the drawing of prompts.
            options: ``{"index": k}`` starts from example k of the data set instead of a drawn one.

        Returns:
            The observation, and an info with ``prompt``, ``prompt_length`` and ``index``.

        Raises:
            ConfigurationError: Seed, options or index have the wrong type, or there is no such example.
            UnknownNameError: There is another option.
        """
        (index,) = given.options_of(options, "index")
        chosen = None if index is None else self._core.valid_index(index)
        super().reset(seed=given.seed_of(seed))
        (info,) = self._core.begin([0], [int(self.np_random.integers(len(self.dataset))) if chosen is None else chosen])
        self._final_info = None
        if self.render_mode == "human":
            self._written = ""
            write(f"\n{info['prompt']}|")
        return self._core.observation(0), info

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Append a token.

        Args:
            action: The token's id.

        Returns:
            Observation, reward, terminated, truncated (always False), and the info: empty until the last step.

        Raises:
            InvalidActionError: The action is no token id.
            ResetNeeded: The episode is over.
            RewardError: A reward function failed.
        """
        try:
            actions = np.array([operator.index(action)], np.int64)
        except (TypeError, OverflowError):
            raise InvalidActionError(
                f"Action {action!r} is no token id. Give an integer from 0 to {self.tokenizer.vocab_size - 1}."
            ) from None
        ended = self._core.append(actions)
        rewards, infos = self._core.rewards_of_step(ended)
        info: dict[str, Any] = {}
        if infos:
            (info,) = infos
            self._final_info = info
        if self.render_mode == "human":
            self._write_new_text()
        return self._core.observation(0), float(rewards[0]), bool(infos), False, info

    def action_masks(self) -> np.ndarray:
        """The allowed tokens, bool (V,), fresh: all but pad and BOS, which no text needs. sb3-contrib asks for them.

        With ``grammar`` those that may follow the text.
        """
        return self._core.action_masks()[0]

    def prompt_ids(self, index: int) -> list[int]:
        """The tokens of an example's prompt as the agent reads them."""
        return self._core.prompt_ids(index)

    def render(self) -> str | np.ndarray | None:
        """The episode so far, as text or as a picture of it; human mode has already written it."""
        if self.render_mode is None or self.render_mode == "human":
            return None
        show = rendering.episode_text if self.render_mode == "ansi" else rendering.picture
        return show(self._core, 0, self._final_info)

    def _write_new_text(self) -> None:
        text = self.tokenizer.decode(self._core.completion_ids([0])[0])
        # the bytes of one character may be spread over several tokens: wait for the rest of it
        if text.startswith(self._written) and (self._final_info or not text.endswith("\ufffd")):
            write(text[len(self._written) :])
            self._written = text
        if self._final_info:
            write(f"\n{rendering.reward_line(self._final_info, self.rewards)}\n")
        sys.stdout.flush()


def write(text: str) -> None:
    """Write to stdout; a character that the terminal's encoding lacks is written as its escape."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))

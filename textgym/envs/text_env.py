"""`TextGenEnv`: text generation as a Gymnasium environment, one token per step."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from textgym.data.datasets import Source
from textgym.envs import docstrings, rendering
from textgym.envs.episodes import EpisodeCore, Observation, Shaping
from textgym.envs.task import Task
from textgym.errors import InvalidActionError
from textgym.rewards.scoring import Spec
from textgym.tokenizer import TextTokenizer


class TextGenEnv(gym.Env[Any, Any]):
    """A prompt is given; every action appends one token; the finished text is scored.

    Args:
        tokenizer: A model's name (see `textgym.models.load`), or a `TextTokenizer`.
        dataset: The prompts; see `textgym.data.load` for what it can be.
        split: Which part of the data set.
        reward_funcs: A reward's name, a callable, or a list of them; see `textgym.rewards`.
        reward_weights: A number for each; 1.0 by default, 0.0 to report without rewarding.
        shaping: Reward functions as in ``reward_funcs`` whose value for the unfinished text is a potential: every token
            earns the difference that it makes, the last one takes all of it back, so that the return stays the score.
            They are asked for every token. True for the score itself. None by default: only the last token earns.
        prompt_template: A format string over the data set's columns, ``prompt`` alone by default. Special tokens
            written in it, such as those of a chat format, become single ids; in the data they stay text.
        shots: So many solved examples of the train split are written before every prompt, the same ones each time;
            0 by default. ``max_prompt_tokens`` must leave them room.
        max_prompt_tokens: Of longer prompts the last so many tokens are kept, and a warning with their number logged.
        max_new_tokens: The episode ends here at the latest.
        render_mode: None, ``"ansi"`` (a string), ``"human"`` (written to stdout as it grows) or ``"rgb_array"``.

    Attributes:
        tokenizer: The `TextTokenizer`.
        task: Of a subclass: what its id stands for.

    Raises:
        UnknownNameError: Of tokenizer, data set, split or reward.
        DatasetError: The data set cannot be used.
        ConfigurationError: Arguments that do not fit one another.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human", "rgb_array"], "render_fps": 10}  # noqa: RUF012 - as the base class declares it

    task: ClassVar[Task | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__doc__" in vars(cls) and cls.__doc__ is not None:  # python -OO drops it
            cls.__doc__ = docstrings.complete(cls.__doc__)

    def __init__(
        self,
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
    ) -> None:
        self.render_mode = rendering.valid_mode(render_mode, self.metadata["render_modes"])
        self._core = EpisodeCore(
            1,
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
        self.tokenizer = self._core.tokenizer
        self.observation_space = self._core.observation_space
        self.action_space = self._core.action_space
        self._final_info: dict[str, Any] | None = None
        self._written = ""  # what human mode has shown of the completion

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Seeds the drawing of prompts.
            options: ``{"index": k}`` starts from row k of the data set instead of a drawn one.

        Returns:
            The observation, and an info with ``prompt``, ``prompt_length`` and ``index``.
        """
        super().reset(seed=seed)
        index = (options or {}).get("index")
        if index is None:
            index = self.np_random.integers(len(self._core.dataset))
        (info,) = self._core.begin([0], [index])
        self._final_info = None
        if self.render_mode == "human":
            self._written = ""
            sys.stdout.write(f"\n{info['prompt']}|")
        return self._core.observation(0), info

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Append a token.

        Args:
            action: Its id.

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
        """The allowed tokens, bool (V,), fresh: all but pad and BOS, which no text needs. sb3-contrib asks for them."""
        return self._core.action_mask()

    def render(self) -> str | np.ndarray | None:
        """The episode so far, as text or as a picture of it; human mode has already written it."""
        if self.render_mode is None or self.render_mode == "human":
            return None
        show = rendering.episode_text if self.render_mode == "ansi" else rendering.picture
        return show(self._core, 0, self._final_info)

    def _write_new_text(self) -> None:
        text = self._core.tokenizer.decode(self._core.completion_ids([0])[0])
        # the bytes of one character may be spread over several tokens: wait for the rest of it
        if text.startswith(self._written) and (self._final_info or not text.endswith("\ufffd")):
            sys.stdout.write(text[len(self._written) :])
            self._written = text
        if self._final_info:
            sys.stdout.write(f"\n{rendering.reward_line(self._final_info, self._core.rewards)}\n")
        sys.stdout.flush()

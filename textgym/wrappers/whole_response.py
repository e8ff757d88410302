"""`WholeResponse`: the same task for agents that write whole texts."""

from __future__ import annotations

import string
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from textgym.data.datasets import lone_surrogate
from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError, InvalidActionError

PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "


class AnyText(spaces.Text):
    """Every string of at most ``max_length`` characters, the empty one and all of Unicode included.

    Gymnasium's `Text` lists its characters, and the list of all of Unicode would weigh a hundred megabytes. Samples are
    of printable ASCII. Without a list other characters have no index, so that texts cannot be flattened, nor shared
    between processes: ``AsyncVectorEnv`` needs ``shared_memory=False``.

    >>> "naïve 文" in AnyText(7), "naïve 文" in AnyText(6)
    (True, False)
    """

    def __init__(self, max_length: int, *, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(max_length, min_length=0, charset=PRINTABLE, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether x is a string, and short enough."""
        return isinstance(x, str) and len(x) <= self.max_length

    def __repr__(self) -> str:
        return f"AnyText({self.max_length})"

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, AnyText) and self.max_length == other.max_length


class WholeResponse(gym.Wrapper[str, str, Any, Any], RecordConstructorArgs):
    r"""The same task with one action an episode: the whole response as text, for agents that write text themselves.

    The observation is the text so far: the prompt, and after the step the prompt and the response. The action is a
    string; it is encoded by the environment's tokenizer as it stands (a space that is to follow the prompt belongs to
    it), EOS is added, and what is longer than ``max_new_tokens`` tokens is cut. `step` plays these tokens in the
    environment within, and returns the sum of their rewards: the undiscounted return of the same episode token by
    token. The info is that of the last token.

    Args:
        env: A text-generation environment, as ``gym.make`` gives it.

    Raises:
        ConfigurationError: It is none.

    >>> import textgym
    >>> env = WholeResponse(gym.make("TextGen-Arithmetic-v0", dataset=[{"prompt": "What is 7 + 8?", "answer": "15"}]))
    >>> prompt, _ = env.reset(seed=0)
    >>> prompt, env.step("Answer: 15")[1:4]
    ('What is 7 + 8?\n', (1.0, True, False))
    """

    env: gym.Env[Any, Any]  # Gymnasium declares it with the wrapper's own spaces

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, TextGenEnv):
            raise ConfigurationError(f"WholeResponse needs a text-generation environment, made by gym.make; got {env}.")
        inner = env.unwrapped
        self._tokenizer, self._max_new_tokens = inner.tokenizer, inner.config.max_new_tokens
        # no text of so many tokens is longer, where one more character may join two tokens
        response = self._max_new_tokens * (max(map(len, inner.tokenizer.get_vocab())) + 1)
        self.action_space = AnyText(response)
        self.observation_space = AnyText(max(map(len, inner.prompts)) + response)
        self._prompt = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin an episode; see `TextGenEnv.reset`. The observation is the prompt."""
        _, info = self.env.reset(seed=seed, options=options)
        self._prompt = info["prompt"]
        return self._prompt, info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Play a whole response.

        Args:
            action: The response's text.

        Returns:
            Prompt and response, the sum of the rewards, terminated (True, unless a wrapper within truncates),
            truncated, and the info of the last token.

        Raises:
            InvalidActionError: The action is no string, or none that can be encoded.
            ResetNeeded: The episode is over.
            RewardError: A reward function failed.
        """
        if not isinstance(action, str):
            raise InvalidActionError(f"Action {action!r} is no text. Give the whole response as a str.")
        if half := lone_surrogate(action):
            raise InvalidActionError(f"Action {action!r} has {half!r}, half of a character. Repair the text.")
        tokens = [*self._tokenizer.encode(action), self._tokenizer.eos_token_id][: self._max_new_tokens]
        total, played = 0.0, list[int]()
        for token in tokens:
            _, reward, terminated, truncated, info = self.env.step(np.int64(token))
            total += float(reward)
            played.append(token)
            if terminated or truncated:
                break
        return self._prompt + self._tokenizer.decode(played), total, terminated, truncated, info

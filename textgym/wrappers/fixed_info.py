"""`FixedInfo`: numbers under the same keys in every info, for clients that lay infos out as arrays."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError


class FixedInfo(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """The same environment, whose infos have the same keys at every step, and numbers alone.

    TorchRL and Tianshou lay infos out as arrays and expect every info to look like the first one; the
    environment's own tells of the text when it is finished, and nothing before. Here every info, `reset`'s too, has
    ``index``, ``prompt_length``, ``completion_length`` so far and ``eos``, 1 where EOS has ended the text, all int64;
    and for each reward ``reward_<name>``, float64, 0 until the text is finished. All are numpy's scalars.

    Args:
        env: A text-generation environment, as ``gym.make`` gives it.

    Raises:
        ConfigurationError: It is none.

    >>> import textgym
    >>> env = FixedInfo(gym.make("TextGen-ArithmeticSmall-v0"))
    >>> _, first = env.reset(seed=0)
    >>> _, *_, info = env.step(0)
    >>> first.keys() == info.keys(), list(info)
    (True, ['index', 'prompt_length', 'completion_length', 'eos', 'reward_arithmetic'])
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, TextGenEnv):
            raise ConfigurationError(f"FixedInfo needs a text-generation environment, made by gym.make; got {env}.")
        self._rewards = env.unwrapped.rewards.names
        self._known: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see `TextGenEnv.reset`."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._known = {"index": info["index"], "prompt_length": info["prompt_length"], "completion_length": 0}
        return obs, self._info()

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Append a token; see `TextGenEnv.step`."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._known["completion_length"] = info.get("completion_length", self._known["completion_length"] + 1)
        return obs, reward, terminated, truncated, self._info(info.get("finish_reason"), info.get("rewards", {}))

    def _info(self, finish_reason: str | None = None, rewards: dict[str, float] | None = None) -> dict[str, Any]:
        counts = {**self._known, "eos": finish_reason == "eos"}
        scores = rewards or {}
        return {key: np.int64(value) for key, value in counts.items()} | {
            f"reward_{name}": np.float64(scores.get(name, 0.0)) for name in self._rewards
        }

"""textgym's vector environment as Stable-Baselines3 wants it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError


class TextVecEnv(VecEnv):
    """SB3's ``VecEnv`` over `TextGenVectorEnv`: all texts that end in a step are scored in one call.

    Args:
        env: An id, such as ``"TextGen-Sentiment-v0"``, or a `TextGenVectorEnv` without wrappers.
        num_envs: The number of environments, 1 by default; only with an id.
        **kwargs: Keywords of ``gym.make_vec``; only with an id.

    Infos of environments whose episode ends hold, beside what `TextGenEnv` gives, ``terminal_observation``,
    ``TimeLimit.truncated`` and ``episode`` (return ``r``, length ``l`` in tokens, seconds ``t``), so that no
    ``Monitor`` is needed.

    Raises:
        ConfigurationError: ``env`` is neither an id nor a `TextGenVectorEnv`, or other arguments are given beside one.
    """

    STATE = ("venv", "_seeds", "_lengths", "_returns", "reset_infos")  # what steps change (`textgym.sb3.checkpoint`)

    def __init__(self, env: str | TextGenVectorEnv, num_envs: int | None = None, **kwargs: Any) -> None:
        if num_envs is not None:
            kwargs["num_envs"] = num_envs
        venv = gym.make_vec(env, **kwargs) if isinstance(env, str) else env
        if not isinstance(venv, TextGenVectorEnv):
            raise ConfigurationError(
                f"TextVecEnv needs the id of a text-generation environment or a TextGenVectorEnv, got {env!r}. "
                "Vector wrappers would be left out: wrap the TextVecEnv instead, in a VecEnvWrapper of SB3. "
                "Single environments go to PPO as they are: SB3 wraps them itself."
            )
        if venv is env and kwargs:
            raise ConfigurationError(
                f"TextVecEnv got {kwargs} beside an environment that is already made. "
                "Give them to gym.make_vec, or give TextVecEnv the id instead of the environment."
            )
        self.venv = venv
        self._began = time.time()
        super().__init__(self.venv.num_envs, self.venv.single_observation_space, self.venv.single_action_space)
        self.render_mode = self.venv.render_mode
        self.metadata = self.venv.metadata
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._returns = np.zeros(self.num_envs)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every environment; seeds and options given before are used once."""
        options: dict[str, Any] = {}
        if any(self._options):
            options["index"] = [option.get("index") for option in self._options]
        seeds = self._seeds if any(seed is not None for seed in self._seeds) else None
        obs, infos = self.venv.reset(seed=seeds, options=options)
        names = [name for name in infos if not name.startswith("_")]
        self.reset_infos = [{name: infos[name][i] for name in names} for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._lengths[:] = 0
        self._returns[:] = 0.0
        return obs

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Choose what the next reset begins from.

        Args:
            options: ``{"index": k}``, row k of the data set, for every environment or in a list of one for each; where
                there is no index, it is drawn.

        Raises:
            ConfigurationError: There is another option, or there are not as many as environments.
        """
        given = [options or {}] * self.num_envs if options is None or isinstance(options, dict) else options
        if len(given) != self.num_envs or any(set(option) - {"index"} for option in given):
            raise ConfigurationError(
                f"The options {options!r} do not fit {self.num_envs} environments. Give {{'index': k}}, or a list with "
                "one such dict, or {}, for each."
            )
        super().set_options(options)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Append a token to every environment's text.

        Raises:
            ResetNeeded: A step before has failed.
        """
        try:
            obs, rewards, terminated, truncated, vector_infos = self.venv.step(self._actions)
        except ResetNeeded as error:
            raise ResetNeeded(
                f"{error} If a reward failed or learn was interrupted, call model.set_env(model.get_env()), so that "
                "the next learn begins new episodes."
            ) from error
        self._lengths += 1
        self._returns += rewards
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i, final in self.venv.ended.items():
            episode = {
                "r": round(float(self._returns[i]), 6),
                "l": int(self._lengths[i]),
                "t": round(time.time() - self._began, 6),
            }
            infos[i] = {
                **final,
                "terminal_observation": vector_infos["final_obs"][i],
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
                "episode": episode,
            }
            self.reset_infos[i] = {
                name: vector_infos[name][i] for name in ("prompt", "prompt_length", "index") if name in vector_infos
            }
            self._lengths[i], self._returns[i] = 0, 0.0
        return obs, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Close the vector environment."""
        self.venv.close()

    def has_attr(self, attr_name: str) -> bool:
        """Whether the vector environment has an attribute."""
        return hasattr(self.venv, attr_name)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The vector environment's attribute, once for each environment: they share it."""
        value = getattr(self.venv, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute for all environments, which share it.

        Raises:
            ConfigurationError: Only some environments are named.
        """
        named = list(self._get_indices(indices))
        if len(named) != self.num_envs:
            raise ConfigurationError(
                f"set_attr({attr_name!r}) for environments {named}: all {self.num_envs} share one environment's "
                "attributes. Leave out indices."
            )
        setattr(self.venv, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment; its result has one entry for each."""
        result = getattr(self.venv, method_name)(*method_args, **method_kwargs)
        return [result[i] if isinstance(result, (np.ndarray, Sequence)) else result for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for ``Monitor``, whose statistics the terminal infos hold, and False for all other wrappers."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Pictures of the running episodes, with ``render_mode="rgb_array"``."""
        return (self.venv.render() or ()) if self.render_mode == "rgb_array" else [None] * self.num_envs

"""Wrappers of vector environments, under the names of those of single ones, as in Gymnasium."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from textgym.envs.vector import TextGenVectorEnv, object_array
from textgym.errors import ConfigurationError
from textgym.wrappers.shortlist import K, ShortlistSpaces, View

__all__ = ["Shortlist"]


class Shortlist(VectorWrapper):
    """`textgym.wrappers.Shortlist` over the rows of a vector environment, in each of its autoreset modes.

    Args:
        env: A `TextGenVectorEnv`, as ``gym.make_vec`` gives it.
        k: How many tokens there are to choose from besides EOS, at most.
        observation: ``"features"`` or ``"ids"``.

    Attributes:
        spaces: The `ShortlistSpaces`; ``spaces.tokens`` are the ids of the actions.

    Raises:
        ConfigurationError: The environment is none, or has no references in its train split; or an argument is wrong.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], k: int = K, observation: View = "features") -> None:
        super().__init__(env)
        if not isinstance(env.unwrapped, TextGenVectorEnv):
            raise ConfigurationError(f"Shortlist needs a TextGenVectorEnv, made by gym.make_vec; got {env}.")
        self.spaces = ShortlistSpaces(env.unwrapped, k, observation)
        self.single_action_space, self.single_observation_space = (
            self.spaces.action_space, self.spaces.observation_space,
        )  # fmt: skip
        self.action_space = batch_space(self.single_action_space, env.num_envs)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode in every environment; see `TextGenVectorEnv.reset`."""
        obs, infos = self.env.reset(seed=seed, options=options)
        return self.spaces.observation(obs), infos

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Append the actions' tokens; see `TextGenVectorEnv.step`.

        Raises:
            InvalidActionError: An action is none of the shortlist.
        """
        obs, rewards, terminated, truncated, infos = self.env.step(self.spaces.token_ids(actions))
        if "final_obs" in infos:
            envs = np.flatnonzero(infos["_final_obs"]).tolist()
            final = [self.spaces.observation(infos["final_obs"][env]) for env in envs]
            infos = infos | {"final_obs": object_array(envs, final, self.num_envs)}
        return self.spaces.observation(obs), rewards, terminated, truncated, infos

    def action_masks(self) -> np.ndarray:
        """The allowed actions, bool (n, A), fresh; see `textgym.wrappers.Shortlist.action_masks`."""
        return self.spaces.action_masks(self.env.unwrapped.action_masks())  # type: ignore[attr-defined]


def make_shortlist(
    task: str, *, num_envs: int = 1, k: int = K, observation: View = "features", **keywords: Any
) -> Shortlist:
    """What ``gym.make_vec`` makes of the ids ``TextGen-<Task>Small-v0``.

    Args:
        task: The id of the whole task, whose keywords are registered with the small one, too.
        num_envs: See `TextGenVectorEnv`.
        k: See `Shortlist`.
        observation: See `Shortlist`.
        **keywords: Those of `TextGenVectorEnv`.
    """
    return Shortlist(TextGenVectorEnv(num_envs, **keywords), k, observation)

"""Whole episodes, played by an agent: anything with Stable-Baselines3's ``predict`` over batched observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError


class Agent(Protocol):
    """What `evaluate_agent` can evaluate."""

    def predict(
        self,
        obs: dict[str, np.ndarray],
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Choose a token for every row: observations (n, L) each, actions (n,)."""
        ...


@dataclass(frozen=True)
class Episode:
    """One finished episode.

    Attributes:
        tokens: Prompt and every token that was chosen, an EOS among them, int64 (T,).
        score: Its return.
        info: The info of its last step.
    """

    tokens: np.ndarray
    score: float
    info: dict[str, Any]


def make_env(env_id: str, num_envs: int, split: str, env_kwargs: Mapping[str, Any] | None = None) -> TextGenVectorEnv:
    """The vector environment of an id, without wrappers."""
    env = gym.make_vec(env_id, num_envs=num_envs, **{**(env_kwargs or {}), "split": split}).unwrapped
    if not isinstance(env, TextGenVectorEnv):
        raise ConfigurationError(f"{env_id!r} is no text-generation environment, but {env!r}.")
    return env


def play(
    agent: Agent,
    env: TextGenVectorEnv,
    indices: Sequence[int],
    *,
    seed: int | None = None,
    deterministic: bool = False,
) -> list[Episode]:
    """Play one episode in every row.

    Args:
        agent: See `Agent`.
        env: As many rows as there are indices.
        indices: The row of the data set that each row begins from.
        seed: Of the environment.
        deterministic: Passed on to the agent.

    Returns:
        The episodes, in the order of the indices.
    """
    obs, _ = env.reset(seed=seed, options={"index": list(indices)})
    over, starts, state = np.zeros(env.num_envs, bool), np.ones(env.num_envs, bool), None
    scores = np.zeros(env.num_envs)
    episodes: dict[int, Episode] = {}
    # rows that are over begin anew by themselves; a token that is no EOS keeps them from ending, and being scored
    filler = (env.tokenizer.eos_token_id + 1) % env.tokenizer.vocab_size
    while not over.all():
        actions, state = agent.predict(obs, state=state, episode_start=starts, deterministic=deterministic)
        if np.shape(actions) != (env.num_envs,):
            raise ConfigurationError(
                f"predict returned actions of shape {np.shape(actions)} for {env.num_envs} rows: "
                f"return one token id for each, shape ({env.num_envs},)."
            )
        following, rewards, terminated, truncated, infos = env.step(np.where(over, filler, actions))
        if truncated.any():
            raise ConfigurationError("max_episode_steps cuts texts before they are judged: use max_new_tokens instead.")
        scores += rewards
        for row in np.flatnonzero(terminated).tolist():
            final = infos["final_obs"][row]
            tokens = final["input_ids"][: int(final["attention_mask"].sum())]
            episodes[row] = Episode(tokens, float(scores[row]), env.ended[row])
        over |= terminated
        # the agent goes on seeing what a row that is over looked like: nothing new to read or to plan for
        obs = {key: np.where(over[:, None], obs[key], following[key]) for key in obs}
        starts = np.zeros(env.num_envs, bool)
    return [episodes[row] for row in range(env.num_envs)]

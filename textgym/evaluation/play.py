"""Whole episodes, played by an agent: anything with Stable-Baselines3's ``predict`` over batched observations."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode

from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, shown
from textgym.wrappers.vector import Shortlist

REFILL = 0.25  # of the environments: to read a few new prompts, or to plan for them, costs as much as for many


class Agent(Protocol):
    """What `evaluate_agent` can evaluate."""

    def predict(
        self,
        obs: dict[str, np.ndarray],
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Choose a token for every row.

        Args:
            obs: ``input_ids`` and ``attention_mask``, (n, L) each.
            state: What the last call returned, None at first; a recurrent agent keeps what it remembers there.
            episode_start: Bool (n,), whether a row begins an episode: what is remembered of it is over.
            deterministic: Whether to take the best token and draw none.

        Returns:
            Actions, integers (n,), and the state.
        """
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


@dataclass(frozen=True)
class Step:
    """One token of every episode that is being played.

    Attributes:
        rows: The rows whose choice counted, int64 (k,); the others wait.
        places: Which of the episodes each of these plays, int64 (k,).
        ended: The episodes that ended with it, by row.
    """

    rows: np.ndarray
    places: np.ndarray
    ended: dict[int, Episode]

    def by_place(self) -> dict[int, Episode]:
        """The episodes that ended, by which of them each is."""
        place = dict(zip(self.rows.tolist(), self.places.tolist(), strict=True))
        return {place[row]: episode for row, episode in self.ended.items()}


def check_signature(agent: Agent) -> None:
    """Find out before anything is played whether an agent's ``predict`` takes what it is given.

    Raises:
        ConfigurationError: It takes other arguments.
    """
    try:
        inspect.signature(agent.predict).bind({}, state=None, episode_start=None, deterministic=False)
    except TypeError as error:
        raise ConfigurationError(
            f"{type(agent).__name__}.predict does not take (obs, state, episode_start, deterministic): {error}. "
            "Define predict(self, obs, state=None, episode_start=None, deterministic=False)."
        ) from error
    except ValueError:
        return  # what is not written in Python may have no signature


def make_env(env_id: str, num_envs: int, split: str, env_kwargs: Mapping[str, Any] | None = None) -> TextGenVectorEnv:
    """The vector environment of an id, without wrappers and without autoreset, as `play` needs it."""
    keywords = {**(env_kwargs or {}), "split": split, "autoreset_mode": AutoresetMode.DISABLED}
    spec = gym.registry.get(env_id)
    # seen before it is made, for others do not take our keywords
    if spec is not None and (not _may_make_text(spec.vector_entry_point)):
        raise ConfigurationError(f"{env_id!r} is no text-generation environment, but {spec.entry_point}.")
    made = gym.make_vec(env_id, num_envs=num_envs, **keywords)
    if isinstance(made, Shortlist):
        raise ConfigurationError(
            f"{env_id!r} has a short list of actions. Evaluate on the whole task, whose id has no Small, "
            "textgym.wrappers.ShortlistAgent(agent, spaces)."
        )
    env = made.unwrapped
    if not isinstance(env, TextGenVectorEnv):
        raise ConfigurationError(f"{env_id!r} is no text-generation environment, but {env!r}.")
    return env


def _may_make_text(entry_point: Any) -> bool:
    """Whether an id's vector entry point is our class, or a function, of which only its result can tell."""
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    return issubclass(creator, TextGenVectorEnv) if isinstance(creator, type) else callable(creator)


def play(
    agent: Agent,
    env: TextGenVectorEnv,
    indices: Sequence[int],
    *,
    seed: int | None = None,
    deterministic: bool = False,
) -> list[Episode]:
    """Play an episode from each of some examples, as many side by side as there are environments.

    Where episodes have ended the next ones begin, as soon as a quarter of the environments is free, and
    ``episode_start`` tells the agent. Until then, and when none is left, the agent goes on seeing what it chose the
    last token from, and what it says there is ignored: it is always asked for as many, as a recurrent state asks for.
    Whoever samples writes other texts with another number of environments, for the same noise meets other prompts.

    Args:
        agent: See `Agent`.
        env: Made with ``autoreset_mode="Disabled"``, for example by `make_env`; with any number of environments.
        indices: The examples of the data set, any number of them, the same one as often as it is to be played.
        seed: Seeds the environment.
        deterministic: Passed on to the agent.

    Returns:
        The episodes, in the order of the indices.

    Raises:
        ConfigurationError: The environment begins episodes by itself or cuts them, or ``predict`` returned something
            else than one integer for each row and a state.
    """
    episodes: dict[int, Episode] = {}
    for step in steps(agent, env, indices, seed=seed, deterministic=deterministic):
        episodes.update(step.by_place())
    return [episodes[i] for i in range(len(indices))]


def steps(
    agent: Agent,
    env: TextGenVectorEnv,
    indices: Sequence[int],
    *,
    seed: int | None = None,
    deterministic: bool = False,
) -> Iterator[Step]:
    """What `play` does, token by token, for whoever wants to know more of an episode, or to stop before its end.

    Yields:
        A `Step` after every token.
    """
    check_playable(env)
    check_signature(agent)
    if not len(indices):
        return
    width = min(env.num_envs, len(indices))
    obs = {key: array[:width] for key, array in begin(env, np.arange(width), indices[:width], seed).items()}
    place, n_begun = np.arange(width), width  # which of the indices each environment plays, and how many have begun
    playing, starts, state = np.ones(width, bool), np.ones(width, bool), None
    scores, actions = np.zeros(width), np.zeros(env.num_envs, np.int64)
    while playing.any():
        returned = agent.predict(obs, state=state, episode_start=starts, deterministic=deterministic)
        actions[:width], state = checked(returned, width, env.tokenizer.vocab_size)
        following, rewards, *_ = env.step(actions)
        scores += rewards[:width]
        rows = np.flatnonzero(playing)
        ended = {}
        for i, info in env.ended.items():
            tokens = following["input_ids"][i, : int(following["attention_mask"][i].sum())].copy()
            ended[i] = Episode(tokens, float(scores[i]), info)
            playing[i] = False
        yield Step(rows, place[rows], ended)
        starts = np.zeros(width, bool)
        free = np.flatnonzero(~playing)
        if len(free) >= REFILL * width or not playing.any():
            begun = free[: len(indices) - n_begun]
            if len(begun):
                place[begun], scores[begun] = n_begun + np.arange(len(begun)), 0.0
                playing[begun] = starts[begun] = True
                n_begun += len(begun)
                following = begin(env, begun, [indices[i] for i in place[begun]])
        obs = {key: np.where(playing[:, None], following[key][:width], obs[key]) for key in obs}


def check_playable(env: TextGenVectorEnv) -> None:
    """Refuse an environment whose episodes would be lost or not scored."""
    if env.autoreset_mode is not AutoresetMode.DISABLED:
        raise ConfigurationError(
            f"play needs an environment that is made with autoreset_mode='Disabled'; got {env.autoreset_mode.value!r}."
        )
    if env.max_episode_steps < env.config.max_new_tokens:
        raise ConfigurationError(
            f"max_episode_steps={env.max_episode_steps} cuts texts before they are judged: "
            f"give max_new_tokens={env.max_episode_steps} instead."
        )


def begin(
    env: TextGenVectorEnv, envs: np.ndarray, indices: Sequence[int], seed: int | None = None
) -> dict[str, np.ndarray]:
    """Begin episodes from examples in some environments; returns the observations of all."""
    mask, index = np.zeros(env.num_envs, bool), np.zeros(env.num_envs, object)
    mask[envs], index[envs] = True, indices
    return env.reset(seed=seed, options={"reset_mask": mask, "index": index})[0]


def checked(returned: Any, num_envs: int, vocab_size: int) -> tuple[np.ndarray, Any]:
    """What an agent's ``predict`` returned: actions, int (n,), and its state."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ConfigurationError(
            f"predict returned {shown(returned)}, not a tuple of actions and state. Return (actions, state), as "
            "Stable-Baselines3's agents do; the state of an agent that has none is None."
        )
    try:
        actions = np.asarray(returned[0])
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, or a tensor that is not numpy's to read
        raise ConfigurationError(f"predict returned actions that are no array: {error}") from error
    if actions.shape != (num_envs,) or actions.dtype.kind not in "iu":
        raise ConfigurationError(
            f"predict returned actions of shape {actions.shape} and type {actions.dtype} for {num_envs} environments: "
            f"return one token id for each, integers from 0 to {vocab_size - 1} of shape ({num_envs},)."
        )
    wrong = actions[(actions < 0) | (actions >= vocab_size)]
    if len(wrong):
        raise ConfigurationError(
            f"predict returned the action {wrong[0]}, which is no token id: return integers from 0 to {vocab_size - 1}."
        )
    return actions, returned[1]

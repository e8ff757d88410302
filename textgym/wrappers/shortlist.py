"""`Shortlist`: the same task with few actions and one array to look at, for agents that know nothing of language."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, TypeAlias, get_args

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from textgym.arguments import positive_integer
from textgym.envs import ENVIRONMENTS
from textgym.envs.episodes import Observation, train_split
from textgym.envs.prompts import Template, continuation
from textgym.envs.spaces import TokenIds
from textgym.envs.text_env import TextGenEnv
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, InvalidActionError, shown

View: TypeAlias = Literal["features", "ids"]
K = 64


class ShortlistSpaces:
    """What `Shortlist` shows of a text-generation environment, and which tokens its actions are.

    An agent that was trained over `Shortlist` plays the environment itself with it, see ``agents/shortlist_ppo.py``.

    Args:
        env: The environment, single or vectorised, without wrappers.
        k: How many tokens the shortlist has besides EOS, at most.
        observation: ``"features"`` or ``"ids"``; see `Shortlist`.

    Attributes:
        tokens: The token id of every action, int64 (A,): the k most frequent of the train split's references, the most
            frequent one first, and EOS. A is smaller than k + 1 where the references have fewer tokens.
        action_space: ``Discrete(A)``.
        observation_space: One ``Box``; see `Shortlist`.

    Raises:
        ConfigurationError: ``k`` or ``observation`` is none that there is, or the train split has no references.
    """

    def __init__(self, env: TextGenEnv | TextGenVectorEnv, k: int = K, observation: View = "features") -> None:
        k = positive_integer("k", k)
        if observation not in get_args(View):
            raise ConfigurationError(f"observation is {shown(observation)}. Choose one of {get_args(View)}.")
        eos, vocab_size = env.tokenizer.eos_token_id, env.tokenizer.vocab_size
        counts = reference_tokens(env)
        frequent = sorted(counts.keys() - {eos}, key=lambda token: (-counts[token], token))[:k]
        self.tokens = np.array([*frequent, eos])
        self.action_space = spaces.Discrete(len(self.tokens))
        length = env.config.max_prompt_tokens + env.config.max_new_tokens
        bits = np.arange(vocab_size)[:, None] >> np.arange(max(1, (vocab_size - 1).bit_length())) & 1
        self._codes = (2 * bits - 1).astype(np.float32)  # (V, B)
        self._shows_ids = observation == "ids"
        self.observation_space = (
            TokenIds(0, vocab_size - 1, (length,), np.int64)
            if self._shows_ids
            else spaces.Box(-1, 1, (length * self._codes.shape[1],), np.float32)
        )

    def observation(self, obs: Observation) -> np.ndarray:
        """What an observation of the environment, of one row or of n, looks like: (A,), or (n, A), fresh."""
        input_ids, mask = obs["input_ids"], obs["attention_mask"]
        if self._shows_ids:
            return input_ids.copy()
        lengths = mask.sum(axis=-1, keepdims=True)  # (..., 1)
        newest_first = lengths - 1 - np.arange(mask.shape[-1])  # (..., L), negative behind the first token
        ids = np.take_along_axis(input_ids, np.maximum(newest_first, 0), axis=-1)
        codes = self._codes[ids] * (newest_first >= 0)[..., None]  # (..., L, B)
        return codes.reshape(*mask.shape[:-1], -1).astype(np.float32, copy=False)

    def token_ids(self, actions: Any) -> np.ndarray:
        """The token ids of actions, int64 of the same shape.

        Raises:
            InvalidActionError: One is no action.
        """
        actions = np.asarray(actions)
        if actions.dtype.kind not in "iu" or not ((actions >= 0) & (actions < len(self.tokens))).all():
            raise InvalidActionError(
                f"Actions {shown(actions.tolist())} are not all of the shortlist. "
                f"Give integers from 0 to {len(self.tokens) - 1}; the last one is EOS."
            )
        return self.tokens[actions]

    def action_masks(self, masks: np.ndarray) -> np.ndarray:
        """Of masks over the vocabulary, bool (..., V), those over the actions, (..., A).

        Where a grammar wants a token that the shortlist lacks, nothing but to stop is left.
        """
        allowed = masks[..., self.tokens]
        allowed[..., -1] |= ~allowed.any(axis=-1)
        return allowed


class Shortlist(gym.Wrapper[np.ndarray, np.int64, Any, Any], RecordConstructorArgs):
    """The same task with a short list of tokens as actions, for agents that begin from nothing.

    A choice among thousands of tokens is not learned from scratch in any short time; one among 65 is. Actions are the
    k most frequent tokens of the train split's references, and EOS, the last one. An episode is that of the environment
    within, whose prompts, texts and rewards stay as they are: what the shortlist lacks cannot be written, and that
    bounds what can be earned.

    The observation is one array. With ``observation="features"``, float32 for multilayer perceptrons, it has all tokens
    of prompt and response, the newest one first, each as its id's binary digits, -1 or 1; 0 where there is no token.
    With ``observation="ids"`` it is ``input_ids``, int64, for agents with an embedding. Either way tokens of the prompt
    are readable whether the shortlist has them or not.

    For vector environments there is `textgym.wrappers.vector.Shortlist`. The ids ``TextGen-<Task>Small-v0`` are the
    tasks in this wrapper; ``gym.make`` and ``gym.make_vec`` take ``k`` and ``observation`` besides the usual keywords.

    Args:
        env: A text-generation environment, as ``gym.make`` gives it.
        k: How many tokens there are to choose from besides EOS, at most.
        observation: ``"features"`` or ``"ids"``.

    Attributes:
        spaces: The `ShortlistSpaces`; ``spaces.tokens`` are the ids of the actions.

    Raises:
        ConfigurationError: The environment is none, or has no references in its train split; or an argument is wrong.

    >>> import textgym
    >>> env = Shortlist(gym.make("TextGen-Sentiment-v0"), k=8)
    >>> env.action_space, env.unwrapped.tokenizer.decode(env.spaces.tokens[:3])
    (Discrete(9), '., the')
    """

    env: gym.Env[Any, Any]  # Gymnasium declares it with the wrapper's own spaces

    def __init__(self, env: gym.Env[Any, Any], k: int = K, observation: View = "features") -> None:
        RecordConstructorArgs.__init__(self, k=k, observation=observation)
        gym.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, TextGenEnv):
            raise ConfigurationError(f"Shortlist needs a text-generation environment, made by gym.make; got {env}.")
        self.spaces = ShortlistSpaces(env.unwrapped, k, observation)
        self.action_space, self.observation_space = self.spaces.action_space, self.spaces.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; see `TextGenEnv.reset`."""
        obs, info = self.env.reset(seed=seed, options=options)
        return self.spaces.observation(obs), info

    def step(self, action: np.int64) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """Append the action's token; see `TextGenEnv.step`.

        Raises:
            InvalidActionError: The action is none of the shortlist.
        """
        obs, reward, terminated, truncated, info = self.env.step(self.spaces.token_ids(action)[()])
        return self.spaces.observation(obs), reward, terminated, truncated, info

    def action_masks(self) -> np.ndarray:
        """The allowed actions, bool (A,), fresh: all, or with ``grammar`` those whose token may follow the text."""
        return self.spaces.action_masks(self.env.unwrapped.action_masks())  # type: ignore[attr-defined]


class ShortlistAgent:
    """An agent over `Shortlist` as one over the whole task, so that it is evaluated as all others are.

    Args:
        agent: Anything with Stable-Baselines3's ``predict`` over the wrapper's observations.
        spaces: What it was trained over, `Shortlist.spaces`.
    """

    def __init__(self, agent: Any, spaces: ShortlistSpaces) -> None:
        self.agent, self.spaces = agent, spaces

    @property
    def num_timesteps(self) -> int:
        """How many tokens it was trained on, which the board asks for; 0 where the agent does not say."""
        return getattr(self.agent, "num_timesteps", 0)

    def predict(
        self, obs: Observation, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """A token for every row."""
        actions, state = self.agent.predict(self.spaces.observation(obs), state, episode_start, deterministic)
        return self.spaces.token_ids(actions), state


def reference_tokens(env: TextGenEnv | TextGenVectorEnv) -> Counter[int]:
    """How often the references of the train split have each token, written behind their prompts.

    Raises:
        ConfigurationError: There is no reference.
    """
    train = train_split(env.config, env.dataset)
    prompts = env.prompts
    if train is not env.dataset:
        prompts, _ = Template(env.config.prompt_template, env.tokenizer).encode(train, range(len(train)))
    references = train.columns.get("reference", ())
    texts = [
        continuation(prompt, text)
        for prompt, reference in zip(prompts, references, strict=False)
        for text in ([reference] if isinstance(reference, str) else reference or ())
    ]
    if not texts:
        raise ConfigurationError(
            f"A shortlist has the most frequent tokens of references, and {train.name}, split {train.split!r}, has "
            f"none (columns: {', '.join(train.columns)}). Give the data a column 'reference'."
        )
    return Counter(token for ids in env.tokenizer.encode_batch(texts) for token in ids)


def make(task: str, *, k: int = K, observation: View = "features", **keywords: Any) -> Shortlist:
    """What the ids ``TextGen-<Task>Small-v0`` stand for.

    Args:
        task: The id of the whole task.
        k: See `Shortlist`.
        observation: See `Shortlist`.
        **keywords: Those of `TextGenEnv`.
    """
    return Shortlist(ENVIRONMENTS[task](**keywords), k, observation)

"""`record_references`: a data set's references as episodes for offline reinforcement learning, in Minari's format."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from textgym.envs.prompts import continuation
from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError, MissingPackageError

if TYPE_CHECKING:
    from minari import MinariDataset
    from minari.data_collector import EpisodeBuffer

logger = logging.getLogger(__name__)


def record_references(env: gym.Env[Any, Any], folder: str | Path) -> MinariDataset:
    """Play every reference of an environment's data set, and write the episodes as a Minari data set.

    Actions, observations and rewards are those of the environment as it is given, wrappers included; EOS is the last
    action. What is longer than ``max_new_tokens`` is cut there; where a prompt has several references, each is an
    episode. Over `Shortlist` those that it cannot write are left out, and the log says how many these are. An episode's
    ``options`` are those of the `reset` that begins it.

    Args:
        env: A text-generation environment, as ``gym.make`` gives it; its ``split`` says whose references.
        folder: Where to write: new, or empty. ``minari.MinariDataset(folder)`` reads it.

    Returns:
        The data set.

    Raises:
        MissingPackageError: Minari is not installed.
        ConfigurationError: The environment is none of text generation, has no reference, or none that it can write; or
            there is something in the folder.
    """
    try:
        from minari import MinariDataset, __version__
        from minari.dataset.minari_storage import MinariStorage
    except ImportError as error:
        raise MissingPackageError("Minari is not installed: pip install 'textgym[minari]'.") from error
    inner = env.unwrapped
    if not isinstance(inner, TextGenEnv):
        raise ConfigurationError(f"record_references needs a text-generation environment, made by gym.make; got {env}.")
    folder, data = Path(folder), inner.dataset
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"There is something in {folder}. Name a folder that is new, or empty.")
    plans = reference_actions(env)
    folder.mkdir(parents=True, exist_ok=True)
    storage = MinariStorage.new(folder, env.observation_space, env.action_space, env.spec)
    storage.update_metadata(
        {
            "dataset_id": f"{env.spec.id if env.spec else data.name}/references-v0",
            "minari_version": __version__,
            "algorithm_name": "references",
            "description": f"The references of {data.name}, split {data.split!r}, recorded by textgym.",
        }
    )
    storage.update_episodes(played(env, index, actions) for index, actions in plans)
    return MinariDataset(folder)


def reference_actions(env: gym.Env[Any, Any]) -> list[tuple[int, list[int]]]:
    """The row and the actions, EOS the last one, of every reference that an environment can write.

    Raises:
        ConfigurationError: There is none.
    """
    inner: Any = env.unwrapped
    eos, references = inner.tokenizer.eos_token_id, inner.dataset.columns.get("reference", ())
    pairs = [
        (index, inner.tokenizer.encode(continuation(inner.prompts[index], text)))
        for index, texts in enumerate(references)
        for text in ([texts] if isinstance(texts, str) else texts or ())
    ]
    plans = [(index, [*ids, eos][: inner.config.max_new_tokens]) for index, ids in pairs]
    if env.has_wrapper_attr("spaces"):  # of Shortlist
        tokens = env.get_wrapper_attr("spaces").tokens.tolist()
        action_of = {token: action for action, token in enumerate(tokens)}
        plans = [(index, [action_of[token] for token in ids]) for index, ids in plans if action_of.keys() >= {*ids}]
    if len(plans) < len(pairs):
        logger.warning("%d of %d references have tokens that the shortlist lacks.", len(pairs) - len(plans), len(pairs))
    if not plans:
        raise ConfigurationError(
            f"{inner.dataset.name}, split {inner.dataset.split!r}, has {len(pairs)} references, and none that can be "
            "written: give the data a column 'reference', or the shortlist a larger k."
        )
    return plans


def played(env: gym.Env[Any, Any], index: int, actions: list[int]) -> EpisodeBuffer:
    """The episode of some actions from a row of the data set."""
    from minari.data_collector import EpisodeBuffer

    options = {"index": index}
    observations = [env.reset(options=options)[0]]
    rewards, ends = [], []
    for action in actions:
        obs, reward, *end, _ = env.step(np.int64(action))
        observations.append(obs)
        rewards.append(reward)
        ends.append(end)
        if any(end):
            break
    by_key = isinstance(obs, dict)
    return EpisodeBuffer(
        options=options,
        observations={key: [each[key] for each in observations] for key in obs} if by_key else observations,
        actions=actions[: len(rewards)],
        rewards=rewards,
        terminations=[terminated for terminated, _ in ends],
        truncations=[truncated for _, truncated in ends],
    )

"""The adapter keeps what SB3 expects of a VecEnv."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from textgym.errors import ConfigurationError
from textgym.sb3 import TextVecEnv

ID = "TextGen-Sentiment-v0"


@pytest.mark.parametrize("shaping", [None, True], ids=["plain", "shaped"])
def test_equals_sb3s_own_adapter(shaping: bool | None) -> None:
    """DummyVecEnv over Monitor over single environments gives the same episodes, rewards and terminal infos."""
    ours = TextVecEnv(ID, 3, max_new_tokens=5, shaping=shaping)
    theirs = DummyVecEnv([lambda: Monitor(gym.make(ID, max_new_tokens=5, shaping=shaping))] * 3)
    rng = np.random.default_rng(0)
    for env in (ours, theirs):
        env.seed(4)
    first, second = ours.reset(), theirs.reset()
    ended = 0
    for _ in range(23):
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])
        assert [i["prompt"] for i in ours.reset_infos] == [i["prompt"] for i in theirs.reset_infos]
        actions = np.where(rng.random(3) < 0.2, 1, rng.integers(3, 4096, 3))
        first, rewards, dones, infos = ours.step(actions)
        second, other_rewards, other_dones, other_infos = theirs.step(actions)
        np.testing.assert_allclose(rewards, other_rewards, rtol=1e-6)
        np.testing.assert_array_equal(dones, other_dones)
        for row in np.flatnonzero(dones):
            ended += 1
            mine, other = infos[row], other_infos[row]
            assert mine["rewards"] == other["rewards"] and mine["completion"] == other["completion"]
            assert mine["episode"]["l"] == other["episode"]["l"]
            assert mine["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=2e-6)
            assert mine["TimeLimit.truncated"] is False
            for key in first:
                np.testing.assert_array_equal(mine["terminal_observation"][key], other["terminal_observation"][key])
    assert ended > 8


def test_evaluate_policy_is_content() -> None:
    class Constant:
        def predict(self, obs, state=None, episode_start=None, deterministic=False):  # type: ignore[no-untyped-def]
            return np.full(len(obs["input_ids"]), 5), None

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean, _ = evaluate_policy(Constant(), TextVecEnv(ID, 2, max_new_tokens=3), n_eval_episodes=4)
    assert 0 <= mean <= 1


def test_attributes_methods_pictures() -> None:
    env = TextVecEnv(ID, 2, max_new_tokens=3, render_mode="rgb_array")
    assert env.get_attr("num_envs") == [2, 2] and env.has_attr("tokenizer") and not env.has_attr("nothing")
    assert np.stack(env.env_method("action_masks")).shape == (2, 4096)
    assert env.env_is_wrapped(Monitor) == [True, True] and env.env_is_wrapped(gym.wrappers.TimeLimit) == [False, False]
    env.reset()
    assert env.render().ndim == 3
    with pytest.raises(ConfigurationError, match="share one environment"):
        env.set_attr("render_mode", None, indices=[0])


def test_chosen_examples() -> None:
    env = TextVecEnv(ID, 2, split="test")
    env.set_options([{"index": 3}, {"index": 1}])
    env.reset()
    assert [info["index"] for info in env.reset_infos] == [3, 1]


def test_examples_chosen_for_some_rows() -> None:
    """The others draw theirs, as under DummyVecEnv; a KeyError said nothing of it."""
    ours, theirs = TextVecEnv(ID, 2), DummyVecEnv([lambda: gym.make(ID)] * 2)
    for env in (ours, theirs):
        env.seed(4)
        env.set_options([{"index": 3}, {}])
        env.reset()
    assert [i["index"] for i in ours.reset_infos] == [i["index"] for i in theirs.reset_infos]
    assert ours.reset_infos[0]["index"] == 3


@pytest.mark.parametrize("options", [{"indx": 3}, [{"index": 3, "prompt": "A"}, {}], [{"index": 3}]])
def test_options_that_would_be_dropped_are_refused(options: Any) -> None:
    env = TextVecEnv(ID, 2)
    with pytest.raises(ConfigurationError, match=r"do not fit 2 environments. Give \{'index': k\}"):
        env.set_options(options)
    env.reset()  # which is not spoilt by what was refused


def test_refuses_single_environments() -> None:
    with pytest.raises(ConfigurationError, match="SB3 wraps them itself"):
        TextVecEnv(gym.make(ID))  # type: ignore[arg-type]


def test_refuses_vector_wrappers() -> None:
    """They would be left out: rewards a hundred times as large had no effect."""
    wrapped = gym.wrappers.vector.TransformReward(gym.make_vec(ID, num_envs=2), lambda reward: 100 * reward)
    with pytest.raises(ConfigurationError, match="in a VecEnvWrapper of SB3"):
        TextVecEnv(wrapped)  # type: ignore[arg-type]


@pytest.mark.parametrize("keywords", [{"num_envs": 4}, {"num_envs": 1}, {"max_new_tokens": 3}])
def test_refuses_keywords_beside_an_environment(keywords: dict[str, Any]) -> None:
    """They would be ignored: the environment has its own."""
    env = gym.make_vec(ID, num_envs=2)
    with pytest.raises(ConfigurationError, match=f"'{next(iter(keywords))}'.*Give them to gym.make_vec"):
        TextVecEnv(env, **keywords)  # type: ignore[arg-type]
    assert TextVecEnv(env).num_envs == 2 and TextVecEnv(ID).num_envs == 1  # type: ignore[arg-type]


def test_a_time_limit_is_told_to_sb3() -> None:
    """It bootstraps from the value of a text that was cut from outside, and from nothing else."""
    env = TextVecEnv(ID, 2, max_episode_steps=2)
    env.reset()
    env.step(np.array([500, 500]))
    _, rewards, dones, infos = env.step(np.array([500, 1]))
    assert dones.all() and rewards[0] == 0.0 != rewards[1]
    assert [info["TimeLimit.truncated"] for info in infos] == [True, False]
    assert [info["episode"]["l"] for info in infos] == [2, 2]

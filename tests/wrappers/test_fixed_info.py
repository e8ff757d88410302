"""The same keys, types and shapes in every info, and true values in them."""

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from textgym.errors import ConfigurationError
from textgym.wrappers import FixedInfo, Shortlist


def sometimes(completions, **_):
    return [None if len(text) % 2 else 2.0 for text in completions]


@pytest.fixture
def env(make_env):
    return FixedInfo(Shortlist(make_env(reward_funcs=["length", sometimes]), k=6))


def episode(env, actions, **reset):
    infos = [env.reset(**reset)[1]]
    for action in actions:
        *_, terminated, _, info = env.step(action)
        infos.append(info)
    return infos, terminated


def test_values_are_true_at_every_step(env):
    infos, over = episode(env, [1, 0, 6], options={"index": 2})
    final = episode(env.env, [1, 0, 6], options={"index": 2})[0][-1]
    prompt_length = len(env.unwrapped.prompt_ids(2))
    assert over and [info["completion_length"] for info in infos] == [0, 1, 2, 2]  # EOS is no part of the completion
    assert [info["eos"] for info in infos] == [0, 0, 0, 1]
    assert {(info["index"], info["prompt_length"]) for info in infos} == {(2, prompt_length)}
    assert infos[-1]["reward_length"] == final["rewards"]["length"] > 0
    assert infos[-1]["reward_sometimes"] == final["rewards"].get("sometimes", 0.0)
    assert all(info["reward_length"] == info["reward_sometimes"] == 0 for info in infos[:-1])
    (*_, last), over = episode(env, [1] * 6)
    assert over and (last["completion_length"], last["eos"]) == (6, 0), "the limit"


def test_every_info_can_be_laid_out_like_the_first(env):
    rng = np.random.default_rng(0)
    first, seen = env.reset(seed=0)[1], []
    for _ in range(40):
        *_, terminated, _, info = env.step(rng.integers(7))
        seen += [info, env.reset()[1]] if terminated else [info]
    assert any(info["eos"] for info in seen) and len({info["reward_sometimes"] for info in seen}) == 2
    for info in seen:
        assert list(info) == list(first)
        for key, value in info.items():
            assert isinstance(value, np.generic) and value.dtype == first[key].dtype and np.isfinite(value)


def test_side_by_side_infos_are_numbers(keywords):
    def make():
        return FixedInfo(gym.make("TextGen-Sentiment-v0", **keywords))

    envs = gym.vector.SyncVectorEnv([make] * 2)
    infos = [envs.reset(seed=0)[1], envs.step(np.array([500, 1]))[-1]]
    assert infos[0].keys() == infos[1].keys()
    assert infos[1]["reward_vowels"].dtype == np.float64 and infos[1]["completion_length"].tolist() == [1, 0]


def test_checkers_have_nothing_to_say():
    env = FixedInfo(gym.make("TextGen-SolvableSmall-v0", disable_env_checker=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")  # said of every wrapper
        check_env(env)
        sb3_check_env(env, warn=True, skip_render_check=True)


def test_pickled_env_and_spec_go_on(env):
    env.reset(seed=5)
    copy = pickle.loads(pickle.dumps(env))
    assert data_equivalence(env.step(2), copy.step(2), exact=True)
    made = FixedInfo(gym.make("TextGen-SolvableSmall-v0"))
    again = gym.make(EnvSpec.from_json(made.spec.to_json()))
    assert data_equivalence(made.reset(seed=1), again.reset(seed=1), exact=True)


def test_other_environments_are_refused():
    with pytest.raises(ConfigurationError, match="FixedInfo needs a text-generation environment"):
        FixedInfo(gym.make("CartPole-v1"))

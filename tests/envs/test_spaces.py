"""Token ids are a Box like any other, but for who takes them for quantities."""

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import DQN, PPO

from textgym.envs import small_id
from textgym.envs.spaces import TokenIds
from textgym.sb3 import SequenceRolloutBuffer, TextVecEnv, TransformerPolicy

SENTIMENT = "TextGen-Sentiment-v0"
SMALL = {"device": "cpu", "policy_kwargs": {"net_arch": []}}


def test_it_is_a_box():
    ids, box = TokenIds(0, 9, (5,), np.int64), spaces.Box(0, 9, (5,), np.int64)
    assert ids == box and box == ids and repr(ids) == repr(box)
    assert pickle.loads(pickle.dumps(ids)) == box
    with pytest.warns(UserWarning, match="Token ids"):
        assert spaces.flatdim(ids) == 5


# a perceptron over token ids learned nothing, and nobody was told
@pytest.mark.parametrize(
    "make",
    [
        lambda: PPO("MultiInputPolicy", TextVecEnv(SENTIMENT, 2, max_new_tokens=3), **SMALL),
        lambda: PPO("MultiInputPolicy", gym.make(SENTIMENT, max_new_tokens=3), **SMALL),
        lambda: DQN("MultiInputPolicy", gym.make(SENTIMENT, max_new_tokens=3), buffer_size=10, **SMALL),
        lambda: PPO("MlpPolicy", gym.make(small_id(SENTIMENT), observation="ids"), **SMALL),
    ],
    ids=["our vector environment", "one environment", "off-policy", "a short list's ids"],
)
def test_reading_ids_as_quantities_is_warned_of(make):
    with pytest.warns(UserWarning, match="Token ids are about to be read as if they were quant"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: PPO(
            TransformerPolicy, TextVecEnv(SENTIMENT, 2, max_new_tokens=3), n_steps=4, batch_size=8, device="cpu",
            rollout_buffer_class=SequenceRolloutBuffer,
        ),
        lambda: PPO("MlpPolicy", gym.make(small_id(SENTIMENT)), **SMALL),
    ],
    ids=["TransformerPolicy", "a short list's codes"],
)  # fmt: skip
def test_reading_them_otherwise_is_not(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        make()

"""Frames of episodes."""

import time
from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest

import textgym  # noqa: F401


def frames(env_id, actions, **keywords):
    env = gym.make(env_id, render_mode="rgb_array", **keywords)
    env.reset(seed=0, options={"index": 0})
    shown = [env.render()]
    for action in actions:
        over = env.step(action)[2]
        shown.append(env.render())
        if over:
            break
    return shown


@pytest.mark.parametrize("env_id", ["TextGen-Sentiment-v0", "TextGen-QA-v0"])
def test_all_frames_of_an_environment_have_one_even_size_and_every_token_changes_them(env_id, tokenizer):
    shown = frames(env_id, [*tokenizer.encode(" a dull film 我"), tokenizer.eos_token_id])
    assert {frame.shape for frame in shown} == {shown[0].shape} and shown[0].dtype == np.uint8
    assert shown[0].shape[0] % 2 == shown[0].shape[1] % 2 == 0, "video encoders need even sizes"
    assert all(not np.array_equal(a, b) for a, b in pairwise(shown))


def test_a_frame_is_mostly_text():
    (*_, last) = frames("TextGen-QA-v0", [300] * 20)
    rows = np.flatnonzero((last < 200).any((1, 2)))
    assert rows[-1] > last.shape[0] / 2


def test_a_frame_takes_a_tenth_of_a_second_at_most():
    env = gym.make("TextGen-QA-v0", render_mode="rgb_array")
    env.reset(seed=0)
    env.render()  # reads fonts
    seconds = []
    for _ in range(5):
        env.step(300)
        began = time.process_time()
        env.render()
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.1


def test_the_end_of_an_episode_is_named(tokenizer):
    env = gym.make("TextGen-Sentiment-v0", render_mode="ansi", max_new_tokens=2)
    endings = []
    for actions in ([300, tokenizer.eos_token_id], [300, 301]):
        env.reset(seed=0)
        for action in actions:
            env.step(action)
        endings.append(env.render().splitlines()[-1].rpartition("(")[2])
    assert endings == ["EOS after 1 tokens)", "token limit after 2 tokens)"]

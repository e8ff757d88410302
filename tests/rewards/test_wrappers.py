"""Rewards made of others."""

import logging
import pickle

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import ConfigurationError
from textgym.rewards.composition import RewardFunctions


def n_characters(completions, **_):
    return [float(len(text)) for text in completions]


def fussy(completions, **_):
    if "bad" in completions:
        raise RuntimeError("no")
    return n_characters(completions)


def test_they_go_by_the_name_of_the_reward_within():
    funcs = RewardFunctions([rewards.Clipped("length"), rewards.Gated(n_characters, by="accuracy")])
    assert funcs.names == ["length", "n_characters"]


def test_by_position_and_by_keyword():
    wrapped = rewards.Clipped("length")
    assert wrapped(["p"], ["a b"]) == wrapped(prompts=["p"], completions=["a b"]) == wrapped(completions=["a b"])


@pytest.mark.parametrize(("gate", "expected"), [(1.0, 0.0), (2.0, 2.0), (None, 0.0)])
def test_a_gate_opens_at_its_threshold(gate, expected):
    gated = rewards.Gated(n_characters, by=lambda completions, **_: [gate], at_least=2.0)
    assert gated(completions=["ab"]) == [expected]


def test_what_does_not_apply_stays_so():
    nothing = [lambda completions, **_: [None], "ab"]
    for wrapped in (rewards.Clipped(nothing[0]), rewards.Gated(nothing[0], by="length"), rewards.Cached(nothing[0])):
        assert wrapped(completions=["ab"]) == [None]


def test_bounds_must_be_bounds():
    with pytest.raises(ConfigurationError, match="low=1 is not below high=1"):
        rewards.Clipped("length", 1, 1)


def test_normalised_values_have_mean_0_and_deviation_1():
    texts = ["a" * n for n in np.random.default_rng(0).integers(1, 50, 400)]
    normalised = rewards.Normalised(n_characters)
    for start in range(0, 400, 16):  # in batches, as an environment asks
        normalised(completions=texts[start : start + 16])
    lengths = np.array([len(text) for text in texts])
    assert normalised.mean == pytest.approx(lengths.mean())
    expected = (len("abc") - normalised.mean) / lengths.std(ddof=1)
    assert normalised(completions=["abc"])[0] == pytest.approx(expected, abs=0.02)
    assert rewards.Normalised(n_characters)(completions=["ab", "ab"]) == [0.0, 0.0]


def test_the_cache_asks_once_about_a_row():
    asked = []

    def slow(completions, reference, **_):
        asked.extend(completions)
        return [float(len(text) + len(ref)) for text, ref in zip(completions, reference, strict=True)]

    cached = rewards.Cached(slow, size=2)
    assert cached(completions=["a", "bb", "a"], reference=["x", "y", "x"]) == [2.0, 3.0, 2.0]
    assert asked == ["a", "bb"]
    cached(completions=["a"], reference=["x"])
    assert cached.hits == 2
    cached(completions=["a"], reference=["z"])  # another row, for the reference counts; it takes the place of "bb"
    cached(completions=["a"], reference=["x"])
    assert asked == ["a", "bb", "a"]
    cached(completions=["bb"], reference=["y"])
    assert asked == ["a", "bb", "a", "bb"]


def test_failures_are_counted_and_logged(caplog):
    for value in (None, -1.0):
        lenient = rewards.Lenient(fussy, value)
        with caplog.at_level(logging.WARNING, logger="textgym"):
            assert lenient(completions=["good", "bad", "b"]) == [4.0, value, 1.0]
        assert lenient.failures == 1
        assert "'bad' (RuntimeError: no)" in caplog.text
    nan = rewards.Lenient(lambda completions, **_: [float("nan")] * len(completions), 0.5)
    assert nan(completions=["a", "b"]) == [0.5, 0.5]
    assert nan.failures == 2


def test_wrappers_travel_to_other_processes():
    wrapped = rewards.Gated(rewards.Cached(n_characters), by="length")
    assert pickle.loads(pickle.dumps(wrapped))(completions=["a " * 10]) == [20.0]

"""Only what strict JSON has gets into results."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import reported
from textgym.errors import ConfigurationError

SELF: dict = {}
SELF["own"] = SELF


class MuteError:
    def __repr__(self):
        raise RuntimeError("of the repr")


def test_numbers_of_numpy_are_numbers():
    value = {"lr": np.float32(0.5), "n": (np.int64(3), np.array([1, 2])), "on": np.bool_(True), "half": Fraction(1, 2)}
    found = reported.plain(value, "it")
    assert found == {"lr": 0.5, "n": [3, [1, 2]], "on": True, "half": 0.5}
    assert [type(found["lr"]), type(found["n"][0]), type(found["on"])] == [float, int, bool]


@pytest.mark.parametrize(
    "value", [float("nan"), np.float32("inf"), Path("x"), {1}, {1: 2}, 10**400, SELF, object(), MuteError(), b"x", 1j]
)
def test_what_json_does_not_have_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match=r"it\['of'\].* is "):
        reported.plain({"of": [value]}, "it")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.binary(), lambda held: st.lists(held)))
def test_what_is_accepted_can_be_stored(value):
    try:
        plain = reported.plain(value, "it")
    except ConfigurationError:
        return
    assert json.loads(json.dumps(plain, allow_nan=False).encode()) == plain


@pytest.mark.parametrize("value", [5, None, [(1, 2)], [(1, 2, 3, "4")], [(1, 2, 3, None)], [5], "abcd", [True] * 4])
def test_a_curve_has_four_numbers_a_point(value):
    with pytest.raises(ConfigurationError, match=r"curve\[0\] is .* four finite numbers"):
        reported.curve(value)


def test_a_count_is_a_whole_number():
    assert reported.count(np.int64(3), "tokens") == 3
    for value in (-1, 0.5, float("nan"), "3", None, True):
        with pytest.raises(ConfigurationError, match=r"tokens is .* whole number from 0"):
            reported.count(value, "tokens")


def test_seconds_are_a_number():
    assert reported.seconds(np.float32(0.5), "it") == 0.5
    for value in (-1, float("nan"), float("inf"), 10**400, "3", None, True):
        with pytest.raises(ConfigurationError, match=r"it is .* number of seconds from 0"):
            reported.seconds(value, "it")

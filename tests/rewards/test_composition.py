"""Weighted reward functions, and everything that a reward function can do wrong."""

import functools

import numpy as np
import pytest
import torch

from textgym.errors import ConfigurationError, MissingPackageError, RewardError, UnknownNameError
from textgym.rewards import RewardFunctions

N = 3


def score(functions, weights=None, **changes):
    arguments = {
        "prompts": ["p"] * N,
        "completions": ["a", "bb", "ccc"],
        "completion_ids": [[1], [1, 2], [1, 2, 3]],
        "columns": {"reference": ["a", "x", "y"]},
    }
    return RewardFunctions(functions, weights).score(**(arguments | changes))


def size(completions, **_):
    return [len(text) for text in completions]


def exact(completions, reference, **_):
    return [float(text == answer) for text, answer in zip(completions, reference, strict=True)]


def odd_only(completions, **_):
    return [1.0 if len(text) % 2 else None for text in completions]


def test_weighted_sum_and_components():
    totals, components = score([size, exact, odd_only], [0.5, 2.0, 10.0])
    assert totals.dtype == np.float64 and totals.tolist() == [12.5, 1.0, 11.5]
    assert components == [
        {"size": 1.0, "exact": 1.0, "odd_only": 1.0},
        {"size": 2.0, "exact": 0.0},
        {"size": 3.0, "exact": 0.0, "odd_only": 1.0},
    ]
    assert all(type(value) is float for component in components for value in component.values())


def test_weight_zero_only_reports():
    totals, components = score([size, exact], [0.0, 1.0])
    assert totals.tolist() == [1.0, 0.0, 0.0] and components[2]["size"] == 3.0


@pytest.mark.parametrize("convert", [list, tuple, np.array, torch.tensor, lambda x: list(np.array(x)), iter])
def test_anything_with_one_number_per_row_will_do(convert):
    totals, _ = score(lambda completions, **_: convert([0.5, 1.0, 2.0]))
    assert totals.tolist() == [0.5, 1.0, 2.0]


def test_names():
    class Judge:
        def __call__(self, completions, **_):
            return [0.0] * len(completions)

    def _private(completions, **_):
        return [0.0] * len(completions)

    # a name with a leading underscore would be taken for a mask in vector infos
    functions = RewardFunctions([size, size, "length", Judge(), _private, functools.partial(size), size])
    assert functions.names == ["size", "size_2", "length", "judge", "private", "partial", "size_3"]


def test_one_name_or_callable_needs_no_list():
    assert RewardFunctions("length").names == ["length"]
    assert RewardFunctions(size).weights == [1.0]


@pytest.mark.parametrize("weights", [[], [1.0], [1.0, 2.0, 3.0], [1.0, float("nan")]])
def test_weights_must_fit(weights):
    with pytest.raises(ConfigurationError, match="2 reward functions"):
        RewardFunctions([size, exact], weights)


def test_functions_must_be_some():
    with pytest.raises(ConfigurationError, match="empty"):
        RewardFunctions([])
    with pytest.raises(ConfigurationError, match="3, which is neither a name nor a callable"):
        RewardFunctions([3])
    with pytest.raises(UnknownNameError):
        RewardFunctions(["size"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, float("nan"), 1.0], "'bad' returned nan for row 20, completion 'bb'"),
        ([1.0, 1.0, float("inf")], "'bad' returned inf for row 30"),
        (["0.5", 1.0, 1.0], "'bad' returned '0.5' for row 10"),
        ([[1.0], [1.0], [1.0]], r"'bad' returned \[1.0\] for row 10"),
        ([1.0, 1.0], "'bad' returned 2 values for 3 rows"),
        (np.zeros(4), "'bad' returned 4 values for 3 rows"),
        (0.5, "'bad' returned 0.5, not a list"),
        (np.float64(0.5), "'bad' returned .*0.5.*, not a list"),
        (None, "'bad' returned None, not a list"),
        ([None, 1.0, None], "No reward function applies to row 10: bad returned None"),
    ],
)
def test_bad_returns_name_reward_and_row(value, message):
    def bad(completions, **_):
        return value

    with pytest.raises(RewardError, match=message):
        score(bad, rows=[10, 20, 30])


def test_a_reward_that_raises_is_named_with_its_row_and_chained():
    def fragile(completions, **_):
        return [1 / (len(text) - 2) for text in completions]

    with pytest.raises(RewardError, match="'fragile' raised ZeroDivisionError at row 20, completion 'bb'") as error:
        score([size, fragile], rows=[10, 20, 30])
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_a_reward_that_raises_on_the_batch_alone():
    def one_by_one(completions, **_):
        if len(completions) > 1:
            raise ValueError("too many")
        return [1.0]

    with pytest.raises(RewardError, match=r"on the 3 rows 10, 20, 30, .* on none of them alone: too many"):
        score(one_by_one, rows=[10, 20, 30])


def test_a_reward_without_kwargs_is_told_about_them():
    with pytest.raises(RewardError, match=r"must take \*\*kwargs"):
        score(lambda completions: [0.0] * len(completions))


def test_a_missing_package_stays_what_it_is():
    def needs(completions, **_):
        raise MissingPackageError("pip install it")

    with pytest.raises(MissingPackageError, match="pip install it"):
        score(needs)

"""Weighted reward functions, and everything that a reward function can do wrong."""

import asyncio
import functools
import itertools
import multiprocessing
import re
import signal
import sys
import threading
from decimal import Decimal
from fractions import Fraction

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from textgym import rewards
from textgym.errors import ConfigurationError, MissingPackageError, RewardError, TextGymError, UnknownNameError
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


@pytest.mark.parametrize("weights", [[], [1.0], [1.0, 2.0, 3.0], [1.0, float("nan")], 1.0, ["a", 1.0], [None, 1.0]])
def test_weights_must_fit(weights):
    # a raw TypeError or ValueError would not say which argument of gym.make was wrong
    with pytest.raises(ConfigurationError, match=re.escape(f"reward_weights {weights!r} do not fit 2 reward")):
        RewardFunctions([size, exact], weights)


@pytest.mark.parametrize("exponent", [400, 5000])  # the latter is a number that cannot even be printed
def test_a_weight_that_no_float_can_hold_is_refused(exponent):
    with pytest.raises(ConfigurationError, match=r"reward_weights .* do not fit 1 reward"):
        RewardFunctions(size, [10**exponent])


@pytest.mark.parametrize("functions", [[], None, 5, {"length": 1.0}])
def test_functions_must_be_some(functions):
    with pytest.raises(ConfigurationError, match=re.escape(f"reward_funcs is {functions!r}. Give a name")):
        RewardFunctions(functions)


def test_each_function_is_a_name_or_a_callable():
    with pytest.raises(ConfigurationError, match="3, which is neither a name nor a callable"):
        RewardFunctions([3])
    with pytest.raises(UnknownNameError):
        RewardFunctions(["size"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, float("nan"), 1.0], "'bad' returned nan at index 20, completion 'bb'"),
        ([1.0, 1.0, float("inf")], "'bad' returned inf at index 30"),
        (["0.5", 1.0, 1.0], "'bad' returned '0.5' at index 10"),
        ([[1.0], [1.0], [1.0]], r"'bad' returned \[1.0\] at index 10"),
        ([1.0, 1.0], r"'bad' returned 2 values for 3 rows \(index 10, 20, 30\)"),
        (np.zeros(4), "'bad' returned 4 values for 3 rows"),
        (0.5, "'bad' returned 0.5, not a list"),
        (np.float64(0.5), "'bad' returned .*0.5.*, not a list"),
        (None, "'bad' returned None, not a list"),
        ({0: 0.9, 1: 0.8, 2: 0.7}, "'bad' returned {0: 0.9, 1: 0.8, 2: 0.7}, not a list"),  # its keys are no rewards
        ({0.9, 0.8, 0.7}, "'bad' returned {.*}, not a list"),  # in no order
        ([None, 1.0, None], "No reward function applies at index 10: bad returned None"),
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

    with pytest.raises(RewardError, match="'fragile' raised ZeroDivisionError at index 20, completion 'bb'") as error:
        score([size, fragile], rows=[10, 20, 30])
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_messages_show_the_beginning_of_a_long_completion():
    def refuses_long(completions, **_):
        return [np.nan if len(text) > 1000 else 1.0 for text in completions]

    with pytest.raises(RewardError, match=r"completion 'again again .*\.\.\.'\. It must return") as error:
        score(refuses_long, completions=["a", "again " * 1000, "b"])
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("fault", [ZeroDivisionError, TypeError])
def test_a_generator_that_raises_is_no_different(fault):
    # it raises when it is read, not when it is called; a TypeError is not "not a list"
    def lazy(completions, **_):
        for text in completions:
            if text == "bb":
                raise fault("no")
            yield 1.0

    with pytest.raises(RewardError, match=f"'lazy' raised {fault.__name__} at index 20, completion 'bb': no"):
        score(lazy, rows=[10, 20, 30])


def test_a_reward_cannot_change_what_others_see():
    # neither the next reward, nor the caller's lists, which become infos and belong to the data set
    def vandal(completions, completion_ids, reference, **_):
        completions[:] = ["gone"] * N
        completion_ids[0].append(9)
        reference[2].append("gone")
        return [0.0] * N

    seen = {}

    def witness(**arguments):
        seen.update(arguments)
        return [0.0] * N

    given = {"completions": ["a", "bb", "ccc"], "completion_ids": [[1], [2], [3]]}
    references = [["a"], ["x"], ["y", "z"]]
    score([vandal, witness], columns={"reference": references}, **given)
    for arguments in (seen, given | {"reference": references}):
        assert arguments["completions"] == ["a", "bb", "ccc"]
        assert arguments["completion_ids"] == [[1], [2], [3]]
        assert arguments["reference"] == [["a"], ["x"], ["y", "z"]]


@pytest.mark.parametrize("weights", [[1e10, 0.0], [1e10, -1e10]])
def test_a_sum_that_overflows_is_an_error(weights):
    # every component is finite, and the reward would be inf, or nan, all the same
    def large(completions, **_):
        return [1.0, 1e300, 1.0]

    with pytest.raises(RewardError, match=r"'large': 1e\+300.* at index 20 is (inf|nan), with the weights"):
        score([large, large], weights, rows=[10, 20, 30])


def test_a_reward_that_raises_on_the_batch_alone():
    def one_by_one(completions, **_):
        if len(completions) > 1:
            raise ValueError("too many")
        return [1.0]

    with pytest.raises(RewardError, match=r"on 3 rows \(index 10, 20, 30\) .* on none of them alone: too many"):
        score(one_by_one, rows=[10, 20, 30])


def test_a_reward_without_kwargs_is_told_about_them():
    with pytest.raises(RewardError, match=r"must take \*\*kwargs"):
        score(lambda completions: [0.0] * len(completions))
    with pytest.raises(RewardError, match=r"division by zero\.$"):  # which no keyword would mend
        score(lambda completions, **_: [1 / 0])


def test_a_missing_package_stays_what_it_is():
    def needs(completions, **_):
        raise MissingPackageError("pip install it")

    with pytest.raises(MissingPackageError, match="pip install it"):
        score(needs)


async def patient(completions, **_):
    await asyncio.sleep(0)
    return [float(len(text)) for text in completions]


def test_async_rewards():
    arguments = {"prompts": ["p"], "completions": ["abc"], "completion_ids": [[1]], "columns": {}, "rows": [0]}

    async def within_a_loop():  # as in a notebook
        return RewardFunctions(patient).score(**arguments)

    for totals, components in (RewardFunctions(patient).score(**arguments), asyncio.run(within_a_loop())):
        assert totals.tolist() == [3.0] and components == [{"patient": 3.0}]


ONE_AT_A_TIME = asyncio.Semaphore(1)


async def polite(completions, **_):
    async def one(text):
        async with ONE_AT_A_TIME:
            await asyncio.sleep(0)
            return float(len(text))

    return await asyncio.gather(*map(one, completions))


def test_what_an_async_reward_keeps_lives_on():
    # a semaphore that was waited for belongs to an event loop, and so does an open client: a new loop for every call
    # would fail at the second one
    async def within_a_loop():
        return score(polite)

    for totals, _ in (score(polite), score(polite), asyncio.run(within_a_loop())):
        assert totals.tolist() == [1.0, 2.0, 3.0]


def test_a_forked_process_has_an_event_loop_of_its_own():
    # the thread that runs the parent's is not there, and waiting for it would never end
    score(patient)
    child = multiprocessing.get_context("fork").Process(target=score, args=(patient,))
    child.start()
    child.join(30)
    child.kill()
    assert child.exitcode == 0


def test_an_async_reward_that_waits_for_another_is_an_error_and_no_deadlock():
    async def outer(completions, **_):
        return RewardFunctions(patient).score(
            prompts=["p"], completions=completions[:1], completion_ids=[[1]], columns={}
        )[0]

    with pytest.raises(RewardError, match="both would wait for ever"):
        score(outer)


def test_an_interrupt_ends_the_async_reward_too():
    # else requests of a run that is over would go on, and mix with those of the next one in a notebook
    ended = threading.Event()

    async def endless(completions, **_):
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            score(endless)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended.wait(10)


def test_an_async_reward_that_raises_is_no_different():
    async def fragile(completions, **_):
        return [1 / (len(text) - 2) for text in completions]

    with pytest.raises(RewardError, match="'fragile' raised ZeroDivisionError at index 20, completion 'bb'"):
        score(fragile, rows=[10, 20, 30])


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("of the message")


def test_an_error_that_cannot_say_what_is_wrong_is_no_different():
    def fragile(completions, **_):
        raise MuteError

    with pytest.raises(RewardError, match=r"'fragile' raised MuteError at index .*\(its message cannot be read\)"):
        score(fragile)


class Unspeakable:
    def __float__(self):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(10**400, id="10**400"),
        pytest.param(10**5000, id="10**5000"),
        torch.zeros(2),
        np.zeros(2),
        Unspeakable(),
        1j,
        b"1",
        [[0.5]],
        {},
        np.str_("1"),
    ],
)
def test_any_value_that_is_no_number_names_reward_and_row(value):
    with pytest.raises(RewardError, match=r"'bad' returned .* at index 20, completion 'bb'\. It must return") as caught:
        score(named("bad", [1.0, value, 1.0]), rows=[10, 20, 30])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "value", [True, np.bool_(True), np.float32(1), np.int64(1), torch.tensor(1.0), Decimal(1), Fraction(1)]
)
def test_any_number_is_a_number(value):
    totals, components = score(named("good", [value] * N))
    assert totals.tolist() == [1.0] * N and type(components[0]["good"]) is float


def named(name, returned):
    def reward(completions, **_):
        return returned

    reward.__name__ = name
    return reward


def test_a_generator_without_end_is_an_error():
    with pytest.raises(RewardError, match=r"'endless' returned 4 values for 3 rows"):
        score(named("endless", itertools.repeat(1.0)))


@pytest.mark.parametrize("name", ["x" * 10_000, "a\nb\ud800", "_", 7], ids=range(4))
def test_a_name_is_one_that_can_be_logged(name):
    reward = named("reward", [1.0] * N)
    holder = type("Holder", (), {"__name__": name, "__call__": lambda self, **arguments: reward(**arguments)})()
    functions = RewardFunctions([holder])
    (shown,) = functions.names
    assert shown.isprintable() and 0 < len(shown) <= 100 and shown.encode()


def leaves(completions, **_):
    sys.exit(3)


async def leaves_late(completions, **_):
    async def leave():
        sys.exit(3)

    await asyncio.gather(leave(), asyncio.sleep(0))


@pytest.mark.parametrize("reward", [leaves, leaves_late])
def test_an_exit_is_an_error_of_the_reward_and_of_that_one_alone(reward):
    """A run that ends without a word looks like one that is over; and the loop of all async rewards lives on."""
    with pytest.raises(RewardError, match=rf"'{reward.__name__}' raised RuntimeError at index .*: it calls exit\(3\)"):
        score(reward)
    assert score(patient)[0].tolist() == [1.0, 2.0, 3.0]
    assert rewards.Lenient(reward, -1.0)(completions=["a"]) == [-1.0]


def test_a_reward_cannot_change_what_is_nested():
    def vandal(completions, entry, **_):
        entry[0]["deep"].append("gone")
        completions[0][0]["content"] = "gone"
        return [0.0] * N

    entries = [{"deep": ["a"]} for _ in range(N)]
    chats = [[{"role": "assistant", "content": "a"}] for _ in range(N)]
    score(vandal, columns={"entry": entries}, completions=chats)
    assert entries[0] == {"deep": ["a"]} and chats[0][0]["content"] == "a"


RETURNED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


@hypothesis.given(returned=RETURNED | st.lists(RETURNED, min_size=N, max_size=N), weight=st.floats(), name=st.text())
@hypothesis.settings(max_examples=200, deadline=None)
def test_whatever_a_reward_returns_is_a_sum_or_a_typed_error(returned, weight, name):
    reward = named(name, returned)
    try:
        totals, components = score([reward, size], [weight, 1.0])
    except TextGymError as error:
        assert len(str(error)) < 2000 and str(error).encode()
    else:
        assert np.isfinite(totals).all() and all(type(value) is float for row in components for value in row.values())

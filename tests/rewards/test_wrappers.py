"""Rewards made of others."""

import logging
import pickle
import sys

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import ConfigurationError, MissingPackageError, RewardError
from textgym.rewards import wrappers
from textgym.rewards.scoring import RewardFunctions


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
    assert asked == ["a", "bb"]
    cached(completions=["a"], reference=["z"])  # another row, for the reference counts; it takes the place of "bb"
    cached(completions=["a"], reference=["x"])
    assert asked == ["a", "bb", "a"]
    cached(completions=["bb"], reference=["y"])
    assert asked == ["a", "bb", "a", "bb"]


def test_what_a_cache_has_seen_is_not_part_of_it():
    # the hash of a task would differ from one evaluation to the next, and every worker process get all rows
    cached = rewards.Cached(n_characters)
    before = pickle.dumps(cached)
    assert cached(completions=["a", "bb"]) == [1.0, 2.0]
    assert pickle.dumps(cached) == before


def test_failures_are_counted_and_logged(caplog):
    for value in (None, -1.0):
        lenient = rewards.Lenient(fussy, value)
        with caplog.at_level(logging.WARNING, logger="textgym"):
            assert lenient(completions=["good", "bad", "b"]) == [4.0, value, 1.0]
        assert lenient.failures == 2  # the batch, and the row
        assert "'bad' (RuntimeError: no)" in caplog.text
    nan = rewards.Lenient(lambda completions, **_: [float("nan")] * len(completions), 0.5)
    assert nan(completions=["a", "b"]) == [0.5, 0.5]
    assert nan.failures == 3


def test_a_batch_that_fails_and_passes_row_by_row_is_no_secret(caplog):
    def one_by_one(completions, **_):
        if len(completions) > 1:
            raise RuntimeError("too many")
        return n_characters(completions)

    lenient = rewards.Lenient(one_by_one)
    with caplog.at_level(logging.WARNING, logger="textgym"):
        assert lenient(completions=["a", "bb"]) == [1.0, 2.0]
    assert lenient.failures == 1
    assert "failed on 2 completions together (RuntimeError: too many)" in caplog.text


def test_a_single_row_that_fails_is_not_asked_for_twice():
    asked = []

    def counted(completions, **_):
        asked.append(completions)
        raise RuntimeError("no")

    assert rewards.Lenient(counted, -1.0)(completions=["a"]) == [-1.0]
    assert len(asked) == 1


@pytest.mark.parametrize("error", [ConfigurationError, MissingPackageError])
def test_what_no_row_would_mend_is_not_forgiven(error):
    # a whole run would be trained on penalties for a column that the data never had
    def needs(completions, **_):
        raise error("not there")

    for wrapped in (needs, rewards.Cached(needs), rewards.Gated(n_characters, by=needs)):
        with pytest.raises(error, match="not there"):
            rewards.Lenient(wrapped)(completions=["a", "b"])
    with pytest.raises(ConfigurationError, match="'coverage' compares completions with the column 'concepts'"):
        rewards.Lenient("coverage")(completions=["a", "b"])


def test_failures_within_other_wrappers_are_forgiven():
    for wrapped in (rewards.Cached(fussy), rewards.Normalised(fussy), rewards.Gated(n_characters, by=fussy)):
        assert rewards.Lenient(wrapped, -9.0)(completions=["good", "bad"])[1] == -9.0


def score(functions, completions, rows):
    n = len(completions)
    return RewardFunctions(functions).score(
        prompts=["p"] * n, completions=completions, completion_ids=[[1]] * n, columns={}, rows=rows
    )


def test_a_row_that_is_skipped_needs_another_reward():
    lenient = rewards.Lenient(fussy)
    message = (
        r"No reward function applies at index 20: fussy returned None for the completion 'bad'\. .* "
        r"'fussy' failed on it \(RuntimeError: no\): give Lenient a penalty, or add a reward that always applies\."
    )
    with pytest.raises(RewardError, match=message):
        score(lenient, ["good", "bad"], [10, 20])
    assert score([lenient, "length"], ["good", "bad"], [10, 20])[1][1] == {"length": 0.1}  # either remedy works
    assert score(rewards.Lenient(fussy, -1.0), ["good", "bad"], [10, 20])[0].tolist() == [4.0, -1.0]


def test_only_what_failed_in_this_call_is_blamed():
    def silent(completions, **_):
        return [None] * len(completions)

    lenient = rewards.Lenient(fussy)
    lenient(completions=["bad"])
    assert score([lenient, "length"], ["good"], [0])[0].tolist() == [4.1]
    assert lenient.skipped == {}
    with pytest.raises(RewardError) as error:
        score(rewards.Lenient(silent), ["good"], [0])
    assert "failed" not in str(error.value)


def test_a_failure_that_passes_is_not_remembered():
    down = [True]

    def flaky(completions, **_):
        if down:
            raise RuntimeError("no")
        return n_characters(completions)

    lenient = rewards.Lenient(rewards.Cached(flaky), -9.0)  # in the other order, the penalty would be remembered
    assert lenient(completions=["a"]) == [-9.0]
    down.clear()
    assert lenient(completions=["a"]) == [1.0]


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (rewards.Clipped, "broken"),
        (rewards.Normalised, "broken"),
        (rewards.Cached, "broken"),
        (lambda broken: rewards.Gated("length", by=broken), "broken"),  # not the reward behind the gate
        (lambda broken: rewards.Gated(broken, by="length", at_least=0.0), "broken"),
        (lambda broken: rewards.Cached(rewards.Clipped(broken)), "broken"),
    ],
)
@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1.0, float("nan")], "returned nan at index 1 of the batch, completion 'bb'"),
        ([1.0], "returned 1 values for 2 rows"),  # zip() would be the one to complain
        (["1", 2.0], "returned '1' at index 0 of the batch"),
        (ZeroDivisionError("no"), "raised ZeroDivisionError on 2 rows"),
    ],
)
def test_the_function_that_fails_is_named(wrap, name, returned, message):
    def broken(completions, **_):
        if isinstance(returned, Exception):
            if len(completions) == 2:
                raise returned
            return [0.0]
        return returned

    with pytest.raises(RewardError, match=f"'{name}' {message}"):
        wrap(broken)(completions=["a", "bb"])


def test_statistics_survive_a_value_that_is_none():
    # one NaN in the running mean would make every later reward a NaN
    values = [[1.0, float("nan")], [1.0, 3.0]]
    normalised = rewards.Normalised(lambda completions, **_: values.pop(0))
    with pytest.raises(RewardError, match="returned nan"):
        normalised(completions=["a", "b"])
    assert normalised(completions=["a", "b"]) == pytest.approx([-(0.5**0.5), 0.5**0.5])
    assert normalised.count == 2


def test_statistics_count_a_row_once_when_its_batch_is_retried():
    # the batch is refused for one value, after which its other rows come again
    normalised = rewards.Normalised(
        lambda completions, **_: [float("nan") if text == "bad" else float(len(text)) for text in completions]
    )
    rewards.Lenient(normalised, -9.0)(completions=["good", "bad", "b"])
    assert (normalised.count, normalised.mean) == (2, 2.5)


@pytest.mark.parametrize("wrap", [rewards.Clipped, rewards.Cached, rewards.Lenient, rewards.Normalised])
def test_arguments_that_are_no_lists_are_passed_on(wrap):
    # TRL's trainers call every reward with their state, which has no rows
    state = object()

    def informed(completions, trainer_state, **_):
        if "bad" in completions:
            raise RuntimeError("no")
        assert trainer_state is state
        return [0.5] * len(completions)

    assert len(wrap(informed)(["p", "p"], ["a", "b"], reference=("x", "y"), trainer_state=state)) == 2
    lenient = rewards.Lenient(wrap(informed))
    assert lenient(completions=["bad", "b"], trainer_state=state)[0] is None


def test_wrappers_travel_to_other_processes():
    wrapped = rewards.Gated(rewards.Cached(n_characters), by="length")
    assert pickle.loads(pickle.dumps(wrapped))(completions=["a " * 10]) == [20.0]


def test_a_server_that_is_down_is_not_waited_for_once_for_every_row(monkeypatch, caplog):
    clock = [0.0]
    monkeypatch.setattr(wrappers.time, "monotonic", lambda: clock[0])
    asked = []

    def down(completions, **_):
        asked.append(completions)
        clock[0] += 10.0
        raise RuntimeError("no answer")

    lenient = rewards.Lenient(down, time_limit=25.0)
    assert lenient(completions=["a", "b", "c", "d"]) == [None] * 4
    assert asked == [["a", "b", "c", "d"], ["a"], ["b"]]
    assert lenient.failures == 5 and "TimeoutError: it is not asked, for time_limit=25 s is up" in lenient.skipped[3]
    lenient(completions=["a"])
    assert asked[-1] == ["a"]  # the time is that of one call


class Chatty:
    """A reward of conversations, as TRL's trainers hand them over."""

    __name__ = "chatty"

    def __call__(self, completions, **_):
        return [float(len(messages[-1]["content"])) for messages in completions]


def chat(text):
    return [{"role": "assistant", "content": text}]


@pytest.mark.parametrize(
    "wrap",
    [rewards.Cached, rewards.Lenient, lambda r: rewards.Clipped(r, 0, 9), lambda r: rewards.Gated(r, by=r, at_least=0)],
)
def test_conversations_are_passed_on(wrap):
    reward = RewardFunctions(wrap(Chatty()))
    totals, _ = reward.score(
        prompts=[chat("p")] * 2, completions=[chat("a"), chat("bb")], completion_ids=[[1], [1]], columns={}
    )
    assert totals.tolist() == [1.0, 2.0]


def test_the_cache_tells_apart_whatever_the_reward_may_read():
    """By its repr an array of over a thousand numbers would be another with the same ends."""
    asked = []

    def reads_all(completions, scale=1.0, **columns):
        asked.extend(completions)
        return [scale * sum(float(np.sum(values[i])) for values in columns.values()) for i in range(len(completions))]

    cached = rewards.Cached(reads_all)
    zeros, middle = np.zeros(2000), np.zeros(2000)
    middle[1000] = 1.0
    assert cached(completions=["a", "a"], signal=[zeros, middle]) == [0.0, 1.0]
    assert cached(completions=["a"], signal=[middle], scale=3.0) == [3.0]
    assert cached(completions=["a"], one=[1.0], two=[{}.get("x", 2.0)]) == cached(
        completions=["a"], two=[2.0], one=[1.0]
    )
    assert cached(completions=["a"], one=[2.0], two=[1.0]) == [3.0]
    assert len(asked) == 5
    with pytest.raises(ConfigurationError, match="Cached cannot tell rows apart: a column among completions, f"):
        cached(completions=["a"], f=[lambda: 0])


def test_the_cache_keeps_no_texts():
    cached = rewards.Cached(n_characters)
    cached(completions=["a" * 1_000_000])
    assert sum(map(sys.getsizeof, cached._known)) < 1000

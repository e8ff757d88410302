"""Length and repetition, by hand."""

import pytest

from textgym.rewards.text import Length, Repetition, compression


def test_length_grows_to_one():
    assert Length(4)(completions=["", "one", "one two", "one two three four", "one two three four five"]) == [
        0,
        0.25,
        0.5,
        1,
        1,
    ]


def test_repetition_is_a_penalty():
    # bigrams of the second: a b, b a, a b, b a, a b: 2 distinct of 5
    assert Repetition()(completions=["a b c d", "a b a b a b", "", "!!!!"]) == pytest.approx([0, -3 / 5, 0, -2 / 3])
    assert Repetition(1)(completions=["good good good good"]) == [-0.75]


def test_compression_is_bounded():
    prompts = ["one two three four", "one two", "", ""]
    assert compression(prompts=prompts, completions=["one", "one two three", "one", ""]) == [0.25, 1, 1, 0]
    assert compression(prompts=["今天天气很好。"], completions=["天气好！"]) == [3 / 6]

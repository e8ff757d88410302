"""The generated arithmetic."""

from itertools import combinations

import pytest

from textgym import rewards
from textgym.data import arithmetic, load

SPLITS = ("train", "validation", "test")


def numbers(row):
    return frozenset(word.strip("?") for word in row["prompt"].split() if word.strip("?").isdigit())


@pytest.mark.parametrize("split", SPLITS)
def test_every_step_and_every_answer_is_right(split):
    for row in arithmetic.rows(split):
        *_, answer = row["reference"].split("Answer: ")
        for step in row["reference"].partition(".")[0].split(", "):
            left, right = step.split(" = ")
            assert eval(left) == int(right)
        assert eval(row["prompt"].removeprefix("What is ").removesuffix("?")) == int(answer) == int(row["answer"])


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_pair_of_numbers(first, second):
    assert not {*map(numbers, arithmetic.rows(first))} & {*map(numbers, arithmetic.rows(second))}


def test_sizes_and_kinds():
    sizes = {split: len(arithmetic.rows(split)) for split in SPLITS}
    assert sizes["train"] > 10 * sizes["validation"] > 1000 and sizes["test"] > 1000
    assert {row["kind"] for row in arithmetic.rows("test")} == {"sum", "difference", "product"}


def test_references_get_the_whole_reward():
    data = load("arithmetic", "test")
    arguments = {name: list(values) for name, values in data.columns.items() if name != "prompt"}
    assert set(rewards.get("arithmetic")(completions=list(data.columns["reference"]), **arguments)) == {1.0}


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("Answer: 42", 1), ("Answer: 42.0", 1), ("Answer:42", 1), ("Answer: 41. Answer: 42", 1), ("42", 0), ("", 0),
        ("Answer: 42. Answer: 41", 0), ("Answer: 421", 0), ("Answer: -42", 0), ("Answer: none", 0),
    ],
)  # fmt: skip
def test_only_what_is_stated_last_counts(completion, expected):
    assert rewards.get("arithmetic")(completions=[completion], answer=["42"]) == [expected]

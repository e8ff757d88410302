"""Rewards against a column of the data set."""

import re

import pytest

from textgym import rewards
from textgym.errors import ConfigurationError, DatasetError
from textgym.rewards.scoring import RewardFunctions

NAMES = [
    "accuracy", "exact_match", "token_f1", "rouge1", "rouge2", "rougeL", "bleu", "chrf", "ter", "meteor",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_scores_more_than_another_text(name):
    reference = ["The cat sat on the mat today", ["No", "The dog ran home in the rain"]]
    completions = ["The cat sat on the mat today", "The dog ran home in the rain"]
    gold = rewards.get(name)(completions=completions, reference=reference)
    wrong = rewards.get(name)(completions=["Something else is here", ""], reference=reference)
    assert gold == pytest.approx([1.0, 1.0], abs=1e-2)
    assert max(wrong) < 0.3


def test_rows_without_a_reference_are_not_scored():
    values = rewards.get("token_f1")(completions=["a dog", "a cat"], reference=[None, "cat"])
    assert values == [None, 1.0]


def test_a_missing_column_is_named():
    funcs = RewardFunctions("coverage")
    # without the reward's name nobody knows which of several to drop; the ids of tokens are no column
    message = r"'coverage' compares .* 'concepts', which the data set does not have \(it has: reference\)"
    with pytest.raises(ConfigurationError, match=message):
        funcs.score(prompts=["p"], completions=["c"], completion_ids=[[1]], columns={"reference": ["r"]}, rows=[0])


@pytest.mark.parametrize(
    ("name", "column", "value", "expected"),
    [
        ("ndcg", "items", 5, "5 is neither a text nor a list of texts"),
        ("recall", "items", [5], "[5] is neither a text nor a list of texts"),
        ("acclaim", "items", 5, "5 is neither a text nor a list of texts"),
        ("acclaim", "ratings", "abc", "'abc' is no list of 1 numbers"),
        ("coverage", "concepts", 3.2, "3.2 is neither a text nor a list of texts"),
        ("slot_errors", "concepts", 3.2, "3.2 is neither a text nor a list of texts"),
        ("data_to_text", "concepts", 3.2, "3.2 is neither a text nor a list of texts"),
        ("data_to_text", "reference", 7, "7 is neither a text nor a list of texts"),
        ("dialogue", "reference", 7, "7 is neither a text nor a list of texts"),
        ("token_f1", "reference", 7, "7 is neither a text nor a list of texts"),
        ("bleu", "reference", [7], "[7] is neither a text nor a list of texts"),
        ("format", "pattern", 7, "7 is no text"),
        ("arithmetic", "answer", [7], "The answer [7] is no number"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_column_and_row(name, column, value, expected):
    # a raw TypeError from within the metric would blame the reward, and Lenient would take it for a passing failure
    good = {"items": ["a"], "ratings": [50], "concepts": ["a"], "reference": "a", "pattern": "a", "answer": "1"}
    columns = {key: [usual, value if key == column else usual] for key, usual in good.items()}
    arguments = {"prompts": ["p", "p"], "completions": ["a", "b"], "completion_ids": [[1], [2]], "columns": columns}
    for spec in (name, rewards.Lenient(name, -1.0)):
        with pytest.raises(DatasetError, match=re.escape(expected)) as error:
            RewardFunctions(spec).score(**arguments, rows=[10, 20])
        assert f"'{name}' fails at index 20, completion 'b'. The column" in str(error.value)
        assert f"{column!r} is {value!r}" in str(error.value)


def test_a_long_value_is_not_shown_twice():
    with pytest.raises(DatasetError, match=r"The column 'concepts' is 3.2 and 'reference' is 'a{1,20}\.\.\.a{1,20}'\."):
        rewards.get("data_to_text")(completions=["a"], concepts=[3.2], reference=["a" * 1000])


def test_a_list_without_a_reference_is_an_error_that_says_so():
    with pytest.raises(DatasetError, match="without any acceptable text"):
        RewardFunctions("rougeL").score(
            prompts=["p"], completions=["c"], completion_ids=[[1]], columns={"reference": [[]]}, rows=[0]
        )


@pytest.mark.parametrize(
    ("name", "column", "items"),
    [
        ("coverage", "concepts", "dog; frisbee"),
        ("keywords", "keywords", "dog; frisbee"),
        ("forbidden", "forbidden", "dog; frisbee"),
        ("ndcg", "items", "a dog; a cat"),
        ("recall", "items", "a dog; a cat"),
        ("slot_errors", "concepts", "dog; frisbee"),
    ],
)
def test_a_list_may_be_written_as_one_text(name, column, items):
    # a CSV file holds nothing else; read letter by letter it would be a list of letters
    reward, completions = rewards.get(name), ["a dog; the cat"]
    assert reward(completions=completions, **{column: [items]}) == reward(
        completions=completions, **{column: [items.split("; ")]}
    )


def test_names_in_the_infos_are_the_registered_ones():
    assert RewardFunctions(["rougeL", "accuracy"]).names == ["rougeL", "accuracy"]


@pytest.mark.parametrize(
    ("name", "completion", "reference", "expected"),
    [
        ("all_entities", "LOC: London; PER: Ada Lovelace", "PER: Ada Lovelace; LOC: London", 1.0),
        ("all_entities", "per ada lovelace loc london", "PER: Ada Lovelace; LOC: London", 0.0),
        ("all_entities", "PER: Ada Lovelace", "PER: Ada Lovelace; LOC: London", 0.0),
        ("all_triples", "B | is a | c; A | born in | London", "A | born in | London; B | is a | c", 1.0),
        ("all_triples", "A born in London", "A | born in | London", 0.0),
    ],
)
def test_all_or_nothing_compares_items_and_not_words(name, completion, reference, expected):
    # SQuAD's exact match drops the marks that part the items, and wants them in order
    assert rewards.get(name)(completions=[completion], reference=[reference]) == [expected]

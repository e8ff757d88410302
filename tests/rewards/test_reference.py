"""Rewards against a column of the data set."""

import pytest

from textgym import rewards
from textgym.errors import ConfigurationError, DatasetError
from textgym.rewards.composition import RewardFunctions

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

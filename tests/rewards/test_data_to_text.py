"""The rewards for sentences that state facts."""

import pytest

from textgym import metrics, rewards

REFERENCE = "Lake Van is the largest lake in Turkey."
CONCEPTS = ["Lake Van", "largest", "lake", "Turkey"]
TEXTS = [REFERENCE, "Lake Van lake largest Turkey", "The largest lake in Turkey is in Asia.", ""]


def score(name):
    columns = {"reference": [REFERENCE] * 4, "concepts": [CONCEPTS] * 4, "fields": [{}] * 4}
    return rewards.get(name)(prompts=["p"] * 4, completions=TEXTS, completion_ids=[[]] * 4, **columns)


def test_data_to_text_is_the_mean_of_both():
    expected = [(metrics.coverage(text, CONCEPTS) + metrics.bleu(text, REFERENCE)) / 2 for text in TEXTS]
    assert score("data_to_text") == pytest.approx(expected)
    assert expected[0] == pytest.approx(1) and expected[0] > expected[1] > expected[2] > expected[3] == 0


def test_slot_errors_are_a_penalty():
    assert score("slot_errors") == pytest.approx([0, 0, -2 / 5, -1])


def test_rows_without_facts_are_not_scored():
    values = rewards.get("data_to_text")(completions=["a", "a"], reference=[None, "a"], concepts=[["a"], None])
    assert values == [None, None]

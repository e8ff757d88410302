"""The rewards of a reply."""

import pytest

from textgym import rewards
from textgym.errors import ConfigurationError
from textgym.rewards.dialogue import ACTS, STATEMENT, act_of


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("I have two cats.", "statement"), ("", "nothing"), ("?!", "nothing"), ("Right now I am at home.", "statement"),
        ("You have a good point", "statement"), ("I don't know", "statement"), ("no worries", "statement"),
        ("Do you like it?", "question"), ("what do you study", "question"), ("I am fine, how about you", "question"),
        ("You too? :)", "question"), ("Is it cold there? It is not here.", "statement"),
        ("Yeah, I think so too", "yes"), ("haha true", "yes"), ("Oh, definitely!", "yes"), ("Me neither", "yes"),
        ("Nope", "no"), ("haha no, not really", "no"), ("I don't think so", "no"), ("I don’t like rap", "no"),
        ("That's awesome! I like it too.", "appreciation"), ("oh cool", "appreciation"), ("WOW, nice", "appreciation"),
        ("Thank you so much", "thanks"), ("I appreciate it", "thanks"),
        ("Oh I'm so sorry", "apology"), ("Sorry, my screen is blank", "apology"),
        ("Hi there", "greeting"), ("hey how are you?", "greeting"), ("Hey that is right", "statement"),
        ("It was nice talking to you!", "farewell"), ("see ya", "farewell"), ("Have a great day", "farewell"),
        ("Good to see you again", "appreciation"),
    ],
)  # fmt: skip
def test_acts_are_told_by_words_and_marks(text, act):
    assert act_of(text) == act


def test_every_act_can_be_told():
    """Fails if an earlier pattern swallows a later one's texts: the data would have no row of that act."""
    from textgym import data

    assert set(data.load("dialogue", "train").columns["intent"]) == {*ACTS, STATEMENT}


def test_intent_compares_acts_and_not_words():
    reference = ["What do you do?", "Yes I am", ["Nope", "What for?"], None]
    values = rewards.get("intent")(
        completions=["where are you?", "No I am not", "why is that?", "no"], reference=reference
    )
    assert values == [1.0, 0.0, 1.0, None]


def test_dialogue_is_the_cosine_where_the_intent_is_right():
    completions = ["I love dogs", "do you have a cat?", "", "I love my dog"]
    reference = ["I love my dog"] * 4
    parts = [rewards.get(name)(completions=completions, reference=reference) for name in ("similarity", "intent")]
    values = rewards.get("dialogue")(completions=completions, reference=reference)
    assert values == [max(0, 2 * a - 1) * b for a, b in zip(*parts, strict=True)]
    assert values[3] == 1.0 > values[0] > values[1] == values[2] == 0.0


def test_rows_without_a_reference_are_not_scored():
    assert rewards.get("dialogue")(completions=["hi", "hi"], reference=[None, "hi"]) == [None, 1.0]


def test_a_missing_column_is_named():
    with pytest.raises(ConfigurationError, match="'reference', which the data set does not have"):
        rewards.get("dialogue")(completions=["hi"])

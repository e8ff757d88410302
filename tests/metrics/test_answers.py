"""Answers by SQuAD's rules, by hand from its official script evaluate-v2.0.py; labels by our own."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgym import metrics, rewards
from textgym.metrics.words import folded


@pytest.mark.parametrize(
    ("completion", "reference", "match", "f1"),
    [
        ("The Tower!", "tower", 1, 1),  # case, article and punctuation do not count
        ("", "", 1, 1),
        (" ", "", 1, 1),
        ("", "tower", 0, 0),
        ("tower", "", 0, 0),
        ("Eiffel", "the Eiffel Tower", 0, 2 / 3),
        ("tower tower tower", "tower", 0, 1 / 2),  # a multiset: the second and third are wrong
        ("well-known", "wellknown", 1, 1),  # punctuation goes without a space, as in the script
        ("theatre", "atre", 0, 0),  # an article is a word
        ("Zürich", "zürich", 1, 1),
        ("naïve", "naive", 0, 0),
        ("“tower”", "tower", 0, 0),  # only ASCII punctuation goes
        ("Paris, France", ["France", "Paris"], 0, 2 / 3),  # the best of several references
        ("Paris", ["France", "Paris"], 1, 1),
    ],
)
def test_by_hand(completion, reference, match, f1):
    assert metrics.exact_match(completion, reference) == match
    assert metrics.token_f1(completion, reference) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("completion", "reference"),
    [("", "A"), ("", "The"), ("a an the", ""), ("-", "+"), ("+", ""), ("the", "a"), ("a tower", "a"), ("...", "!")],
)
def test_an_answer_that_is_normalised_to_nothing_equals_only_itself(completion, reference):
    """SQuAD's script finds all of these equal: ending at once would win every row whose answer is A."""
    for one, other in ((completion, reference), (reference, completion)):
        assert metrics.exact_match(one, other) == metrics.token_f1(one, other) == 0.0
        assert metrics.exact_match(one, [other, one]) == metrics.token_f1(one, [other, one]) == 1.0
    assert metrics.exact_match("THE ", "the") == metrics.token_f1("THE ", "the") == 1.0


def test_labels_are_compared_with_all_their_characters():
    completions, labels = ["", "-", "C", "1", "15", "arts."], ["A", "+", "C++", "-1", "1.5", "arts"]
    assert rewards.get("accuracy")(completions=completions, reference=labels) == [0.0] * 6
    assert rewards.get("accuracy")(completions=labels, reference=labels) == [1.0] * 6
    assert metrics.CORPUS["macro_f1"](completions, {"reference": labels}) == {"macro_f1": 0.0}
    assert metrics.CORPUS["macro_f1"](labels, {"reference": labels}) == {"macro_f1": 1.0}


@pytest.mark.parametrize(
    ("completion", "label"),
    [(" Life\n SCIENCE ", "life science"), ("CAFE\u0301", "café"), ("STRASSE", "straße"), ("İ", "i̇"), ("", " ")],
)
def test_labels_are_compared_without_case_white_space_and_unicode_form(completion, label):
    assert metrics.accuracy(completion, label) == metrics.accuracy(completion, ["another", label]) == 1.0
    columns = {"reference": [label, "another"]}
    assert metrics.CORPUS["macro_f1"]([completion, "another"], columns) == {"macro_f1": 1.0}


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_equivalent_texts_are_folded_alike(text):
    """The definition of a canonical caseless match, D145 of the Unicode standard."""
    expected = folded(text)
    assert folded(expected) == expected == unicodedata.normalize("NFC", expected)
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, text)) == expected
    assert folded(text.casefold()) == expected

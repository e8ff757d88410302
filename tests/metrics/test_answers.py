"""SQuAD's rules, by hand from its official script evaluate-v2.0.py."""

import pytest

from textgym import metrics


@pytest.mark.parametrize(
    ("completion", "reference", "match", "f1"),
    [
        ("The Tower!", "tower", 1, 1),  # case, article and punctuation do not count
        ("a an the", "", 1, 1),  # nothing is left of either
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

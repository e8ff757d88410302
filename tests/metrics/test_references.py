"""What completions are compared with."""

import pytest

from textgym import metrics
from textgym.errors import DatasetError


@pytest.mark.parametrize(
    "metric", [metrics.exact_match, metrics.rouge_l, metrics.bleu, metrics.ter, metrics.entity_f1, metrics.meteor]
)
def test_no_acceptable_text_is_an_error_that_says_so(metric):
    # max() of nothing would be a ValueError about an empty sequence, in the middle of training
    with pytest.raises(DatasetError, match=r"The reference is \[\], a list without any acceptable text"):
        metric("a text", [])


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("dog", ["dog"]),
        (" dog ;;New  York\n; ", ["dog", "New York"]),
        ("", []),
        (["dog", "Good; Bad"], ["dog", "Good; Bad"]),  # in a list, a semicolon is part of an item
        (("dog",), ["dog"]),
    ],
)
def test_items_of_a_text_are_between_semicolons(items, expected):
    assert metrics.items_of(items) == expected

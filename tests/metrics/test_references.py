"""What completions are compared with."""

import re

import numpy as np
import pytest

from textgym import metrics
from textgym.errors import DatasetError
from textgym.metrics.references import acceptable


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


@pytest.mark.parametrize("read", [metrics.items_of, acceptable])
@pytest.mark.parametrize("value", [5, 3.2, [5], ["dog", None], {"dog": 1}, b"dog", True])
def test_what_is_no_text_and_no_list_of_texts_is_refused(read, value):
    # a TypeError or AttributeError would come from somewhere within the metric, and say nothing about the data
    with pytest.raises(DatasetError, match=re.escape(f"{value!r} is neither a text nor a list of texts. Write 'one'")):
        read(value)


def test_any_collection_of_texts_will_do():
    texts = np.array(["dog", "cat"])
    assert metrics.items_of(texts) == acceptable(texts) == metrics.items_of(("dog", "cat")) == ["dog", "cat"]

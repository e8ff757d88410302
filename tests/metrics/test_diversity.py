"""How varied texts are, by hand."""

import pytest

from textgym import metrics


@pytest.mark.parametrize(
    ("texts", "n", "expected"),
    [
        (["a b c"], 1, 1.0),
        (["a a a a"], 1, 1 / 4),
        (["a b a b"], 2, 2 / 3),
        (["a b", "a b"], 2, 1 / 2),  # of the corpus: each text alone would have 1
        (["Good, good!"], 1, 3 / 4),  # case is one, punctuation counts
        (["!!!!!"], 2, 1 / 4),
        (["a"], 2, 0.0),  # nothing said is not diverse
        ([], 1, 0.0),
    ],
)
def test_distinct_n(texts, n, expected):
    assert metrics.distinct_n(texts, n) == pytest.approx(expected)


def test_repetition_is_seen_in_every_script():
    assert metrics.repetition(["我很好" * 10, "แมวดำ" * 10]) == pytest.approx([1 - 3 / 29, 1 - 4 / 39])
    assert metrics.repetition(["दिन दान", "दिन दिन"], 1) == [0.0, 0.5]


def test_repetition_is_per_text():
    assert metrics.repetition(["a b", "a b", "a a a", ""]) == pytest.approx([0.0, 0.0, 0.5, 0.0])


def test_word_counts():
    assert metrics.word_counts(["", "it's good", "...", "दिन है", "我很好", "มีแมว"]) == [0, 2, 3, 2, 3, 4]

"""Entities and triples: against seqeval, and by hand."""

import random

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score

from textgym import metrics


@pytest.mark.parametrize("seed", range(20))
def test_entities_equal_seqeval(seed):
    """Every position has words of its own, so that equal words mean equal spans, which is what seqeval compares."""
    rng = random.Random(seed)

    def tags():
        found, position = ["O"] * 12, 0
        while position < 12:
            length, kind = rng.randint(1, 3), rng.choice(["PER", "LOC", "ORG", None])
            if kind:
                span = range(position, min(position + length, 12))
                found[position : span.stop] = [f"{'I' if i > position else 'B'}-{kind}" for i in span]
            position += length
        return found

    def written(sequence):
        spans = []
        for position, tag in enumerate(sequence):
            if tag.startswith("B-"):
                spans.append(f"{tag[2:]}: word{position}")
            elif tag != "O":
                spans[-1] += f" word{position}"
        return "; ".join(spans) or "none"

    expected, predicted = tags(), tags()
    found = metrics.F1.of(metrics.parse_entities(written(predicted)), metrics.parse_entities(written(expected)))
    scores = [score([expected], [predicted]) for score in (precision_score, recall_score, f1_score)]
    assert found == pytest.approx(scores)
    assert metrics.entity_f1(written(predicted), written(expected)) == pytest.approx(scores[2])


@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        ("PER: Ada", "PER: Ada", 1),
        (" PER :  Ada ;", "PER: Ada", 1),  # white space and a semicolon at the end do not count
        ("LOC: Cafe\u0301", "LOC: Café", 1),  # nor does Unicode's form
        ("LOC: Ada", "PER: Ada", 0),  # the type does
        ("none", "none", 1),
        ("", "none", 1),  # both sides empty
        ("none", "PER: Ada", 0),
        ("PER: Ada", "none", 0),
        ("PER: Ada; PER: Ada", "PER: Ada", 2 / 3),  # a multiset
        ("Ada; PER: Ada", "PER: Ada", 2 / 3),  # what has no type is wrong, not overlooked
        (":; PER: Ada", "PER: Ada", 2 / 3),  # nor what has neither type nor words
        (":", "none", 0),
        ("PER: Ada: Countess", "PER: Ada: Countess", 1),
    ],
)
def test_entities_by_hand(completion, reference, expected):
    assert metrics.entity_f1(completion, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        ("A | knows | B; B | knows | C", "B | knows | C; A | knows | B", 1),  # in any order
        ("B | knows | A", "A | knows | B", 0),
        ("A | knows", "A | knows | B", 0),
        ("A | knows | B; nonsense", "A | knows | B", 2 / 3),
        ("A | knows | B | C", "A | knows | B", 0),
        ("| | ; ||", "none", 0),
        ("none", "none", 1),
    ],
)
def test_triples_by_hand(completion, reference, expected):
    assert metrics.triple_f1(completion, reference) == pytest.approx(expected)

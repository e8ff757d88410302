"""Lists of items, by hand and against scikit-learn."""

import random

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from textgym import metrics

ITEMS = ["alien", "heat", "fargo", "brazil", "casino", "ran", "m", "psycho"]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("k", [1, 3, 5])
def test_ndcg_equals_scikit_learn(seed, k):
    rng = random.Random(seed)
    order, relevant = rng.sample(ITEMS, len(ITEMS)), rng.sample(ITEMS, 3)
    gains = np.array([[item in relevant for item in order]], float)
    ranks = np.arange(len(order), 0, -1)[None]
    assert metrics.ndcg("; ".join(order), relevant, k) == pytest.approx(ndcg_score(gains, ranks, k=k))


@pytest.mark.parametrize(
    ("completion", "relevant", "expected"),
    [
        ("Heat", ["heat"], 1),
        ("heat; heat; heat", ["heat", "alien"], 1 / (1 + 1 / np.log2(3))),  # repeating an item earns nothing
        ("", ["heat"], 0),
        ("", [], 1),
        ("heat", [], 0),
        (" HEAT ;; Alien ", ["Alien", "heat"], 1),
        ("heat; alien", "Alien; Heat", 1),  # a text is not its characters
        ("m", "Ran; M", 1 / (1 + 1 / np.log2(3))),
        ("heat", "", 0),
    ],
)
def test_ndcg_by_hand(completion, relevant, expected):
    assert metrics.ndcg(completion, relevant) == pytest.approx(expected)


def test_recall():
    assert metrics.recall("heat; fargo", ["Heat", "Alien"]) == 0.5
    assert metrics.recall("heat; fargo", "Heat; Alien") == 0.5
    assert metrics.recall("", []) == 1.0


@pytest.mark.parametrize(
    ("completion", "options", "expected"),
    [
        ("m; heat; alien", {"k": 1}, 0),  # what is beyond the first k does not count
        ("m; heat; alien", {"k": 2}, 1 / 2),
        ("heat", {"k": 1}, 1),  # of as many as there can be
        ("heat; heat; alien", {"k": 2}, 1),
        ("m; ran; psycho; casino; brazil; heat; alien", {}, 0),
        ("m; ran; psycho; casino; brazil; heat; alien", {"k": 7}, 1),
    ],
)
def test_recall_is_of_the_first_k(completion, options, expected):
    assert metrics.recall(completion, ["Heat", "Alien"], **options) == expected

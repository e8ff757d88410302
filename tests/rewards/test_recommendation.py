"""The rewards of lists of items."""

import random
import re

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from textgym import data, metrics, rewards
from textgym.errors import ConfigurationError, DatasetError
from textgym.rewards.recommendation import ValidItems

FILMS = [f"film {number}" for number in range(12)]


def score(name, completion, **columns):
    (value,) = rewards.get(name)(completions=[completion], **{key: [column] for key, column in columns.items()})
    return value


@pytest.mark.parametrize("seed", range(20))
def test_acclaim_is_ndcg_with_exponential_gains_as_scikit_learn_has_it(seed):
    """Fails if the gain, the discount or the best list differs: scikit-learn takes the gains as they are."""
    draw = random.Random(seed)
    items = draw.sample(FILMS, 7)
    ratings = [draw.randrange(20, 100) for _ in items]
    listed = draw.sample(FILMS, 6)
    gains = {item: 2 ** (rating / 20) - 1 for item, rating in zip(items, ratings, strict=True)}
    relevance = [gains.get(film, 0.0) for film in FILMS]
    order = [-listed.index(film) if film in listed else -len(FILMS) for film in FILMS]
    assert score("acclaim", "; ".join(listed), items=items, ratings=ratings) == pytest.approx(
        ndcg_score([relevance], [order], k=5, ignore_ties=True)
    )


def test_acclaim_of_equal_ratings_is_ndcg():
    for listed in ("film 1; film 3", "film 3; Film 1;film 0", "film 9", "film 1; film 1", ""):
        expected = metrics.ndcg(listed, FILMS[:4])
        assert score("acclaim", listed, items=FILMS[:4], ratings=[60] * 4) == pytest.approx(expected)


def test_acclaim_likes_the_best_films_first_where_ndcg_does_not_care():
    columns = {"items": FILMS[:6], "ratings": [95, 90, 85, 80, 75, 30]}
    best, worst = "; ".join(FILMS[:5]), "; ".join(FILMS[5:0:-1])
    assert score("ndcg", best, items=FILMS[:6]) == score("ndcg", worst, items=FILMS[:6]) == 1.0
    assert score("acclaim", best, **columns) == 1.0 > 0.7 > score("acclaim", worst, **columns)


def test_recall_is_of_what_five_places_can_hold():
    assert score("recall", "; ".join(FILMS[:5]), items=FILMS) == 1.0
    assert score("recall", "; ".join([*FILMS[6:], *FILMS[:5]]), items=FILMS[:5]) == 0.0  # beyond the fifth
    assert score("recall", "Film 1; film 9", items=FILMS[:2]) == 0.5
    assert score("recall", "film 1; film 1", items="film 1; film 2") == 0.5


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("Heat; Alien", 1.0),
        ("heat;  ALIEN ", 1.0),
        ("Heat; Allen", 0.5),
        ("Heat; Heat; Allen", 0.5),
        ("", 0.0),
        (";", 0.0),
    ],
)
def test_items_that_do_not_exist_are_counted(completion, expected):
    assert ValidItems(["Heat", "Alien"])(completions=[completion]) == [expected]


def test_the_embedded_catalogue_is_the_films_of_the_data_set():
    titles = sorted({film for films in data.load("recommendation", "test").columns["items"] for film in films})
    assert rewards.get("valid_items")(completions=["; ".join(titles), f"{titles[0]}; Not a Film", "Not a Film"]) == [
        1,
        0.5,
        0,
    ]


def test_what_a_list_can_be_inflated_with_earns_nothing():
    """Fails if films that the person named, repetitions, or a list of everything pay."""
    columns = data.load("recommendation", "test").columns
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    everything = "; ".join(sorted({film for row in rows for film in row["items"]}))
    means = {}
    for name in ("ndcg", "acclaim", "recall"):
        given = {"items": [row["items"] for row in rows], "ratings": [row["ratings"] for row in rows]}
        for kind, texts in {
            "liked": ["; ".join(row["liked"]) for row in rows],
            "repeated": ["; ".join([row["items"][0]] * 5) for row in rows],
            "everything": [everything] * len(rows),
        }.items():
            means[name, kind] = np.mean(rewards.get(name)(completions=texts, **given))
    assert all(value == 0 for (_, kind), value in means.items() if kind == "liked")
    assert all(value < 0.6 for (_, kind), value in means.items() if kind == "repeated")
    assert all(value < 0.1 for (_, kind), value in means.items() if kind == "everything")


def test_rows_without_items_are_not_scored():
    values = rewards.get("acclaim")(completions=["film 1"] * 2, items=[None, ["film 1"]], ratings=[None, [50]])
    assert values == [None, 1.0]


@pytest.mark.parametrize("ratings", [[50], [50, 60, 70], [50, None], [50, "60"], {"Heat": 50, "Alien": 60}, 50, "50"])
def test_ratings_are_a_number_for_each_item(ratings):
    # the error of zip() would say which argument of zip() is shorter
    with pytest.raises(DatasetError, match=re.escape(f"{ratings!r} is no list of 2 numbers")):
        score("acclaim", "Heat", items=["Heat", "Alien"], ratings=ratings)


@pytest.mark.parametrize("convert", [list, tuple, lambda ratings: [*map(np.int64, ratings)]])
def test_ratings_are_numbers_of_any_kind(convert):
    assert score("acclaim", "Heat; Alien", items=["Heat", "Alien"], ratings=convert([60, 50])) == 1.0


def test_recall_is_the_metric():
    """Fails if the reward and the metric of one name disagree, as they did beyond the fifth item."""
    for listed in ("; ".join(FILMS), "; ".join(FILMS[::-1]), "film 3", ""):
        for n_items in (0, 2, 5, 12):
            assert score("recall", listed, items=FILMS[:n_items]) == metrics.recall(listed, FILMS[:n_items])


def test_missing_columns_are_named():
    with pytest.raises(ConfigurationError, match=r"with the column 'ratings', which .* \(it has: items\)"):
        rewards.get("acclaim")(completions=["a"], items=[["a"]])
    with pytest.raises(ConfigurationError, match="the column 'items' and the column 'ratings', which"):
        rewards.get("acclaim")(completions=["a"])

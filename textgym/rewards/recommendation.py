"""Rewards for lists of items besides `ndcg`: how many of those that fit are listed, do they exist, are they good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import log2
from typing import Any

from textgym import metrics
from textgym.errors import ConfigurationError
from textgym.metrics.references import Items, items_of
from textgym.rewards.reference import Against

K = 5  # items that count, as in `textgym.metrics.ndcg`
STARS = 5


class ValidItems:
    """The fraction of the listed items that a catalogue has; 0.0 for an empty list.

    Args:
        catalogue: The items that exist, in any case.

    >>> ValidItems(["Heat", "Alien"])(completions=["heat; Alien; Allen"])
    [0.6666666666666666]
    """

    def __init__(self, catalogue: Iterable[str]) -> None:
        self.catalogue = frozenset(item for title in catalogue for item in metrics.listed_items(title))

    def __call__(
        self,
        prompts: Sequence[str] | None = None,
        completions: Sequence[str] = (),
        completion_ids: Sequence[Sequence[int]] = (),
        **_: Any,
    ) -> list[float]:
        """Score the completions alone."""
        lists = map(metrics.listed_items, completions)
        return [len(self.catalogue.intersection(items)) / max(1, len(items)) for items in lists]


def valid_items(
    prompts: Sequence[str] | None = None,
    completions: Sequence[str] = (),
    completion_ids: Sequence[Sequence[int]] = (),
    **_: Any,
) -> list[float]:
    """`ValidItems` of the embedded catalogue: every film of the data set ``recommendation``."""
    return _films()(completions=completions)


def acclaim(
    prompts: Sequence[str] | None = None,
    completions: Sequence[str] = (),
    completion_ids: Sequence[Sequence[int]] = (),
    **columns: Any,
) -> list[float | None]:
    """What critics think of the first five items that are listed, if they fit; 1.0 for the best list there is.

    It is nDCG (Järvelin and Kekäläinen, 2002) with the exponential gain of Burges et al. (2005),
    https://doi.org/10.1145/1102351.1102363, of an item that fits: two to the power of its rating in stars, less one.
    A rating of the column ``ratings``, from 0 to 100, belongs to the item at its place in the column ``items``; what
    is in no column gains nothing.

    Raises:
        ConfigurationError: The data set has no such columns.

    >>> acclaim(completions=["Jaws 2; Alien"], items=[["Alien", "Jaws 2"]], ratings=[[89, 51]])
    [0.7...]
    """
    missing = {"items", "ratings"} - columns.keys()
    if missing:
        raise ConfigurationError(
            f"The reward 'acclaim' needs the columns 'items' and 'ratings'; the data set lacks "
            f"{' and '.join(map(repr, sorted(missing)))} (it has: {', '.join(columns) or 'none'}). Add them."
        )
    rows = zip(completions, columns["items"], columns["ratings"], strict=True)
    return [
        None if items is None or ratings is None else _acclaim(text, items, ratings) for text, items, ratings in rows
    ]


def _acclaim(completion: str, items: Items, ratings: Sequence[float]) -> float:
    stars = [rating / 100 * STARS for rating in ratings]
    gains = {item: 2**rating - 1 for item, rating in zip(_normalised(items), stars, strict=True)}
    listed = [gains.get(item, 0.0) for item in metrics.listed_items(completion)]
    best = _discounted(sorted(gains.values(), reverse=True))
    return _discounted(listed) / best if best else float(not listed)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 2) for rank, gain in enumerate(gains[:K]))


def _normalised(items: Items) -> list[str]:
    return [" ".join(item.lower().split()) for item in items_of(items)]


def _recall(completion: str, items: Items) -> float:
    """Of the items that fit, the fraction that is among the first five, of as many as there can be."""
    wanted, listed = set(_normalised(items)), metrics.listed_items(completion)[:K]
    return len(wanted.intersection(listed)) / min(K, len(wanted)) if wanted else float(not listed)


@cache
def _films() -> ValidItems:
    from textgym import data

    return ValidItems(film for films in data.load("recommendation", "train").columns["items"] for film in films)


recall = Against(_recall, column="items", name="recall")

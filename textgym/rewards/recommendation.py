"""Rewards for lists of items besides `ndcg` and `recall`: do they exist, are they good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from numbers import Real

from textgym import metrics
from textgym.errors import DatasetError
from textgym.metrics.ranking import graded_ndcg, normalised
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

STARS = 5


class ValidItems:
    """The fraction of the listed items that a catalogue has; 0.0 for an empty list.

    Args:
        catalogue: The items that exist, in any case.

    >>> ValidItems(["Heat", "Alien"])(completions=["heat; Alien; Allen"])
    [0.6666666666666666]
    """

    __name__ = "valid_items"

    def __init__(self, catalogue: Iterable[str]) -> None:
        self.catalogue = frozenset(item for title in catalogue for item in metrics.listed_items(title))

    @per_text
    def __call__(self, completion: str) -> float:
        """Of the completion alone."""
        items = metrics.listed_items(completion)
        return len(self.catalogue.intersection(items)) / max(1, len(items))


@register("valid_items")
@per_text
def valid_items(completion: str) -> float:
    """`ValidItems` of the embedded catalogue: every film of the data set ``recommendation``."""
    return _films()(completions=[completion])[0]


@register("acclaim")
@per_text
def acclaim(completion: str, items: metrics.Items, ratings: Sequence[float]) -> float:
    """What critics think of the first five items that are listed, if they fit; 1.0 for the best list there is.

    It is nDCG (Järvelin and Kekäläinen, 2002) with the exponential gain of Burges et al. (2005),
    https://doi.org/10.1145/1102351.1102363, of an item that fits: two to the power of its rating in stars, less one.
    A rating of the column ``ratings``, from 0 to 100, belongs to the item at its place in the column ``items``; what
    is in no column gains nothing.

    Raises:
        DatasetError: The ratings are no list of a number for each item.

    >>> acclaim(completions=["Jaws 2; Alien"], items=[["Alien", "Jaws 2"]], ratings=[[89, 51]])
    [0.7...]
    """
    films = normalised(items)
    if not (isinstance(ratings, Sequence) and len(ratings) == len(films) and all(isinstance(r, Real) for r in ratings)):
        raise DatasetError(f"{ratings!r} is no list of {len(films)} numbers. Write a rating for each of the items.")
    gains = {film: 2 ** (rating / 100 * STARS) - 1 for film, rating in zip(films, ratings, strict=True)}
    return graded_ndcg(completion, gains)


@cache
def _films() -> ValidItems:
    from textgym import data

    return ValidItems(film for films in data.load("recommendation", "train").columns["items"] for film in films)

"""Lists of items against those that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

from textgym.metrics.references import Items, items_of
from textgym.metrics.words import folded


def listed_items(text: str) -> list[str]:
    """The items of a list written with semicolons, in order, in lower case, each once.

    >>> listed_items("Heat; Alien;  heat")
    ['heat', 'alien']
    """
    return list(dict.fromkeys(normalised(text)))


def normalised(items: Items) -> list[str]:
    """Items as they are compared, see `textgym.metrics.words.folded`.

    >>> normalised(["The  Third Man"])
    ['the third man']
    """
    return [folded(item) for item in items_of(items)]


def ndcg(completion: str, relevant: Items, k: int = 5) -> float:
    """Normalised discounted cumulative gain of the first k items (Järvelin and Kekäläinen, 2002), in [0, 1].

    An item is relevant or not; each counts once, so that repeating one earns nothing.

    Args:
        completion: A list as in `listed_items`.
        relevant: The items that fit, a list or a text like the completion.
        k: Items that count.

    >>> ndcg("Alien; Heat", ["Heat"])
    0.6309297535714575
    """
    return graded_ndcg(completion, dict.fromkeys(normalised(relevant), 1.0), k)


def graded_ndcg(completion: str, gains: Mapping[str, float], k: int = 5) -> float:
    """The same of items that are worth more or less.

    Args:
        completion: A list as in `listed_items`.
        gains: What each item is worth, by its text as `normalised` writes it; what is not there gains nothing.
        k: Items that count.

    >>> graded_ndcg("Alien; Heat", {"heat": 3.0, "alien": 1.0})
    0.7...
    """
    items = listed_items(completion)
    most = _discounted(sorted(gains.values(), reverse=True)[:k])
    return _discounted([gains.get(item, 0.0) for item in items[:k]]) / most if most else float(not items)


def recall(completion: str, relevant: Items, k: int = 5) -> float:
    """The fraction of the relevant items that is among the first k, of as many as there can be.

    Arguments as of `ndcg`.

    >>> recall("Alien; Heat", ["Heat", "Casino"])
    0.5
    """
    wanted, items = set(normalised(relevant)), listed_items(completion)
    return len(wanted.intersection(items[:k])) / min(k, len(wanted)) if wanted else float(not items)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 2) for rank, gain in enumerate(gains))

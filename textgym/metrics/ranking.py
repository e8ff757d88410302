"""Lists of items against those that fit."""

from __future__ import annotations

from math import log2

from textgym.metrics.references import Items, items_of


def listed_items(text: str) -> list[str]:
    """The items of a list written with semicolons, in order, in lower case, each once.

    >>> listed_items("Heat; Alien;  heat")
    ['heat', 'alien']
    """
    return list(dict.fromkeys(_normalised(text)))


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
    wanted, items = set(_normalised(relevant)), listed_items(completion)
    if not wanted:
        return float(not items)
    gain = sum(1 / log2(rank + 2) for rank, item in enumerate(items[:k]) if item in wanted)
    return gain / sum(1 / log2(rank + 2) for rank in range(min(k, len(wanted))))


def recall(completion: str, relevant: Items) -> float:
    """The fraction of the relevant items that are listed; arguments as of `ndcg`.

    >>> recall("Alien; Heat", ["Heat", "Casino"])
    0.5
    """
    wanted, items = set(_normalised(relevant)), set(listed_items(completion))
    return len(items & wanted) / len(wanted) if wanted else float(not items)


def _normalised(items: Items) -> list[str]:
    return [" ".join(item.lower().split()) for item in items_of(items)]

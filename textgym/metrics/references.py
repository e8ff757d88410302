"""What completions are compared with, and how data sets write it.

A reference is one acceptable text, or a list of them. Items (concepts, keywords, titles) are a list of texts; where a
file can hold text alone, as CSV can, they are one, "item; item".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from textgym.errors import DatasetError

Reference: TypeAlias = "str | Sequence[str]"
Items: TypeAlias = "str | Sequence[str]"


def acceptable(reference: Reference) -> list[str]:
    """The acceptable texts.

    Raises:
        DatasetError: The list is empty, or it is neither a text nor a list of texts.

    >>> acceptable("Paris")
    ['Paris']
    """
    texts = [reference] if isinstance(reference, str) else _texts(reference)
    if not texts:
        raise DatasetError(
            f"The reference is {reference!r}, a list without any acceptable text. "
            "Give it one, or None where there is nothing to compare with."
        )
    return texts


def items_of(items: Items) -> list[str]:
    """The items of a list, or of a text that has them between semicolons.

    Raises:
        DatasetError: It is neither a text nor a list of texts.

    >>> items_of("Heat; The Third Man;"), items_of("Heat"), items_of(["Heat", "Good; Bad"])
    (['Heat', 'The Third Man'], ['Heat'], ['Heat', 'Good; Bad'])
    """
    if isinstance(items, str):
        return [item for item in (" ".join(item.split()) for item in items.split(";")) if item]
    return _texts(items)


def best(metric: Callable[[str, str], float], completion: str, reference: Reference) -> float:
    """The completion's score against the acceptable text that it is closest to."""
    return max(metric(completion, text) for text in acceptable(reference))


def closest(metric: Callable[[str, str], float], completion: str, reference: Reference) -> str:
    """The acceptable text that the completion is closest to; the first of those that are equally close."""
    return max(acceptable(reference), key=lambda text: metric(completion, text))


def _texts(value: Any) -> list[str]:
    texts = list(value) if isinstance(value, Iterable) and not isinstance(value, Mapping) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise DatasetError(
            f"{value!r} is neither a text nor a list of texts. Write 'one' or ['one', 'two'], "
            "or None where there is nothing to compare with."
        )
    return texts

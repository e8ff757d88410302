"""A reference is one acceptable text, or a list of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

Reference: TypeAlias = "str | Sequence[str]"


def best(metric: Callable[[str, str], float], completion: str, reference: Reference) -> float:
    """The completion's score against the acceptable text that it is closest to."""
    if isinstance(reference, str):
        return metric(completion, reference)
    return max(metric(completion, text) for text in reference)

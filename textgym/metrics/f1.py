"""Precision, recall and F1 of what was found against what should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)


class F1(NamedTuple):
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, predicted: Counter[T], expected: Counter[T]) -> F1:
        """Compare two multisets: what occurs twice counts twice.

        >>> F1.of(Counter("aab"), Counter("ab")).f1
        0.8
        """
        return cls.of_counts((predicted & expected).total(), predicted.total(), expected.total())

    @classmethod
    def of_counts(cls, common: int, predicted: int, expected: int) -> F1:
        """From numbers of items; 1.0 each where both sides are empty, 0.0 each where they share nothing."""
        if not predicted and not expected:
            return cls(1.0, 1.0, 1.0)
        if not common:
            return cls(0.0, 0.0, 0.0)
        return cls(common / predicted, common / expected, 2 * common / (predicted + expected))

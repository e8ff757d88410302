"""Rewards that only count words: weights on them show reward hacking and stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textgym import metrics


@dataclass(frozen=True)
class Length:
    """1.0 for a completion of at least ``words`` words, proportionally less for a shorter one; in [0, 1]."""

    words: int = 10

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions alone."""
        return [min(count / self.words, 1.0) for count in metrics.word_counts(completions)]


@dataclass(frozen=True)
class Repetition:
    """Minus the fraction of a completion's n-grams that repeat an earlier one; in (-1, 0], 0.0 without repetition."""

    n: int = 2

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions alone."""
        return [0.0 - share for share in metrics.repetition(completions, self.n)]


length = Length()
repetition = Repetition()

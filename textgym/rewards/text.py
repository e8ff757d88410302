"""Rewards that only count words: weights on them show reward hacking and stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textgym import metrics
from textgym.metrics.words import words


@dataclass(frozen=True)
class Length:
    """1.0 for a completion of at least ``words`` words, proportionally less for a shorter one; in [0, 1]."""

    __name__ = "length"

    words: int = 10

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions alone."""
        return [min(count / self.words, 1.0) for count in metrics.word_counts(completions)]


@dataclass(frozen=True)
class Repetition:
    """Minus the fraction of a completion's n-grams that repeat an earlier one; in (-1, 0], 0.0 without repetition."""

    __name__ = "repetition"

    n: int = 2

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions alone."""
        return [0.0 - share for share in metrics.repetition(completions, self.n)]


def compression(prompts: Sequence[str] = (), completions: Sequence[str] = (), **_: Any) -> list[float]:
    """Words of the completion over words of its prompt, at most 1.0; in [0, 1], and small for a good summary.

    The inverse of what Grusky et al. (2018, https://aclanthology.org/N18-1065) call the compression ratio, because it
    is bounded. The prompt's words are those of the template too.

    >>> compression(prompts=["A hat is a head covering."], completions=["Head covering"])
    [0.3333333333333333]
    """
    counts = [(len(words(text)), len(words(prompt))) for text, prompt in zip(completions, prompts, strict=True)]
    return [min(written / max(given, 1), 1.0) for written, given in counts]


length = Length()
repetition = Repetition()

"""Rewards that only count words: weights on them show reward hacking and stop it."""

from __future__ import annotations

from dataclasses import dataclass

from textgym import metrics
from textgym.arguments import positive_integer
from textgym.metrics.words import words, words_and_marks
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

LONGEST_NGRAM = 100


@dataclass(frozen=True)
class Length:
    """1.0 for a completion of at least ``words`` words, proportionally less for a shorter one; in [0, 1]."""

    __name__ = "length"

    words: int = 10

    def __post_init__(self) -> None:
        positive_integer("words", self.words)

    @per_text
    def __call__(self, completion: str) -> float:
        """Of the completion alone; marks count as words."""
        return min(len(words_and_marks(completion)) / self.words, 1.0)


@dataclass(frozen=True)
class Repetition:
    """Minus the fraction of a completion's n-grams that repeat an earlier one; in (-1, 0], 0.0 without repetition."""

    __name__ = "repetition"

    n: int = 2

    def __post_init__(self) -> None:
        positive_integer("n", self.n, LONGEST_NGRAM)

    @per_text
    def __call__(self, completion: str) -> float:
        """Of the completion alone."""
        return 0.0 - metrics.repetition([completion], self.n)[0]


@register("invalid_words")
@per_text
def invalid_words(completion: str) -> float:
    """Minus the share of a completion's words that English has not (`textgym.metrics.invalid_words`); in [-1, 0]."""
    return 0.0 - metrics.invalid_words([completion])


@register("compression")
@per_text
def compression(completion: str, prompt: str) -> float:
    """Words of the completion over words of its prompt, at most 1.0; in [0, 1], and small for a good summary.

    The inverse of what Grusky et al. (2018, https://aclanthology.org/N18-1065) call the compression ratio, because it
    is bounded. The prompt's words are those of the template too.

    >>> compression(prompts=["A hat is a head covering."], completions=["Head covering"])
    [0.3333333333333333]
    """
    return min(len(words(completion)) / max(len(words(prompt)), 1), 1.0)


length = register("length")(Length())
repetition = register("repetition")(Repetition())

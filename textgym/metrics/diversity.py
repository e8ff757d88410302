"""How varied texts are: distinct n-grams, repetition, length."""

from __future__ import annotations

from collections.abc import Sequence

from textgym.metrics.words import folded, words_and_marks

Ngrams = list[tuple[str, ...]]


def ngrams(text: str, n: int) -> Ngrams:
    """The n-grams of a text's words and marks, folded; with marks "!!!!!!" is seen to be repetition.

    >>> ngrams("Good, good", 2)
    [('good', ','), (',', 'good')]
    """
    return windows(words_and_marks(folded(text)), n)


def windows(words: Sequence[str], n: int) -> Ngrams:
    """The n-grams of words.

    >>> windows(["so", "good", "!"], 2)
    [('so', 'good'), ('good', '!')]
    """
    return list(zip(*(words[i:] for i in range(n)), strict=False))


def distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Distinct n-grams of all texts together over their number (Li et al., 2016, https://arxiv.org/abs/1510.03055).

    It falls with the amount of text, so compare it only between equally many texts of like length.

    Args:
        texts: The texts; ``[text]`` for a single one.
        n: Words per n-gram.

    Returns:
        A fraction in (0, 1], or 0.0 where no text has n words: nothing said is not diverse.

    >>> distinct_n(["so good so good"], 2)
    0.6666666666666666
    """
    found = [ngram for text in texts for ngram in ngrams(text, n)]
    return len(set(found)) / len(found) if found else 0.0


def repetition(texts: Sequence[str], n: int = 2) -> list[float]:
    """For each text the fraction, in [0, 1), of its n-grams that repeat an earlier one; 0.0 without n-grams.

    >>> repetition(["so good so good", "good"])
    [0.33333333333333337, 0.0]
    """
    return [1.0 - distinct_n([text], n) if ngrams(text, n) else 0.0 for text in texts]


def word_counts(texts: Sequence[str]) -> list[int]:
    """For each text the number of its words and marks.

    >>> word_counts(["Good, really good.", ""])
    [5, 0]
    """
    return [len(words_and_marks(text)) for text in texts]

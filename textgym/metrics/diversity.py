"""How varied texts are: distinct n-grams, repetition, length."""

from __future__ import annotations

import re
from collections.abc import Sequence

TOKEN = re.compile(r"\w+|[^\w\s]")  # punctuation counts, so that "!!!!!!" is seen to be repetition

Ngrams = list[tuple[str, ...]]


def ngrams(text: str, n: int) -> Ngrams:
    """The n-grams of a text's words and punctuation marks, in lower case.

    >>> ngrams("Good, good", 2)
    [('good', ','), (',', 'good')]
    """
    return windows(TOKEN.findall(text.lower()), n)


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
    """For each text the number of its words and punctuation marks.

    >>> word_counts(["Good, really good.", ""])
    [5, 0]
    """
    return [len(TOKEN.findall(text)) for text in texts]

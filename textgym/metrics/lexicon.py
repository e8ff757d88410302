"""Words that are none: how often a text has a word that English has not, a sign of a model that spells by guessing.

The word list is made by ``python -m recipes.lexicon``; sources and licences stand in ``assets/lexicons/README.md``.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from textgym.metrics.words import words

LEXICON = Path(__file__).parents[1] / "assets" / "lexicons" / "english.txt.gz"


@cache
def lexicon() -> frozenset[str]:
    """The known words, folded, without apostrophes."""
    with gzip.open(LEXICON, "rt", encoding="utf-8") as file:
        return frozenset(file.read().split())


def spelled(text: str) -> list[str]:
    """A text's words of letters alone, as they are looked up: without what stands behind an apostrophe.

    >>> spelled("Kubrick's 2001 isn't bad.")
    ['kubrick', 'isn', 'bad']
    """
    bare = (word.split("'")[0] for word in words(text.replace("\u2019", "'")))
    return [word for word in bare if word.isalpha()]


def invalid_words(texts: Sequence[str]) -> float:
    """The share of English texts' words that no list knows: neither a dictionary's nor frequent in reviews and leads.

    Numbers, and words that have digits or marks inside, are not counted. People's own reviews have about one in a
    hundred, names and misspellings (`recipes.lexicon` prints it). Texts of another language are full of them.

    Args:
        texts: The texts; ``[text]`` for a single one.

    Returns:
        A fraction in [0, 1]; 0.0 where there is no word.

    >>> invalid_words(["A chealthy film.", "I liked it."])
    0.16666666666666666
    """
    found = [word for text in texts for word in spelled(text)]
    return sum(word not in lexicon() for word in found) / len(found) if found else 0.0

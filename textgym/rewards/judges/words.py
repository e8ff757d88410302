"""Words as the embedded word vectors and n-grams know them."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """A text's words in lower case, and its marks; an apostrophe within a word belongs to it.

    >>> words("It’s GOOD, isn't it?")
    ["it's", 'good', ',', "isn't", 'it', '?']
    """
    return WORD.findall(text.lower().replace("’", "'"))

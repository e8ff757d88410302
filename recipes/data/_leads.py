"""Sentences of Wikipedia's leads, for the data sets that ask about single sentences."""

from __future__ import annotations

import re
from typing import Any

from textgym.data.hashing import fraction, normalise

ABBREVIATION = re.compile(
    r"(?:\b(?:[A-HJ-UW-Z]|St|Inc|Mt|Dr|Mr|Mrs|Ms|Jr|Sr|Lt|Gen|Col|Sgt|Prof|Rev|Vol|No|Op|vs|c|ca|cf|i\.e|e\.g|approx|lit|fl|sq)\.)$"
)
BOUNDARY = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]?[A-Z0-9])")


def sentences(text: str) -> list[str]:
    """The sentences of a text; no sentence ends with an initial or an abbreviation.

    >>> sentences("St. John was born c. 1542. He wrote poems.")
    ['St. John was born c. 1542.', 'He wrote poems.']
    """
    found, start = [], 0
    for match in BOUNDARY.finditer(text):
        if not ABBREVIATION.search(text[start : match.start()]):
            found.append(text[start : match.end()].strip())
            start = match.end()
    return [*found, text[start:].strip()]


def choose(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """At most so many of the rows, chosen at random by their prompts alone.

    Of equal prompts the first is kept, and none with invisible characters.
    """
    unique = {normalise(row["prompt"]): row for row in reversed(rows) if row["prompt"].replace("\n", " ").isprintable()}
    return sorted(unique.values(), key=lambda row: fraction("order:" + row["prompt"]))[:size]

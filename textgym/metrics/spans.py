"""Entities and triples that are written as plain text, and their F1.

Entities are ``PER: Ada Lovelace; LOC: London`` and triples ``Ada Lovelace | born in | London; ...``; ``none`` says that
there are none. Items are compared as multisets: what is written twice counts twice. An item of another form is a
prediction that is wrong, not one that is overlooked.
"""

from __future__ import annotations

import unicodedata
from collections import Counter

from textgym.metrics.f1 import F1
from textgym.metrics.references import Reference, best, items_of

NONE = "none"


def parse_entities(text: str) -> Counter[tuple[str, ...]]:
    """The (type, words) of each entity; an item without a colon is a 1-tuple, which equals no entity.

    >>> sorted(parse_entities("PER: Ada  Lovelace; LOC: London"))
    [('LOC', 'London'), ('PER', 'Ada Lovelace')]
    """
    return _items(text, ":", parts=2)


def parse_triples(text: str) -> Counter[tuple[str, ...]]:
    """The (subject, relation, object) of each triple.

    >>> list(parse_triples("Ada | born in | London"))
    [('Ada', 'born in', 'London')]
    """
    return _items(text, "|", parts=3)


def entity_f1(completion: str, reference: Reference) -> float:
    """F1 of typed entities: type and words must both be right, as in seqeval, where a span has a type.

    >>> round(entity_f1("PER: Ada; LOC: Paris", "PER: Ada; LOC: London; LOC: England"), 2)
    0.4
    """
    return best(lambda a, b: F1.of(parse_entities(a), parse_entities(b)).f1, completion, reference)


def triple_f1(completion: str, reference: Reference) -> float:
    """F1 of whole triples.

    >>> triple_f1("Ada | born in | London", "Ada | born in | London; Ada | wrote | notes")
    0.6666666666666666
    """
    return best(lambda a, b: F1.of(parse_triples(a), parse_triples(b)).f1, completion, reference)


def _items(text: str, separator: str, parts: int) -> Counter[tuple[str, ...]]:
    found = [item.split(separator, parts - 1) for item in items_of(unicodedata.normalize("NFC", text))]
    items = [tuple(part.strip() for part in item) for item in found]
    return Counter(item for item in items if item != (NONE,))

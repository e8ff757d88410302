"""Facts that a text has to state, and facts that it makes up."""

from __future__ import annotations

import re

from textgym.metrics.overlap import WORD, coverage
from textgym.metrics.references import Items, items_of

BEGINNING = re.compile(r"(?:^|[.!?]\s)\W*$")  # of a sentence, to the next word


def slot_errors(completion: str, slots: Items) -> float:
    """Slot error rate (Wen et al., 2015, https://aclanthology.org/D15-1199): what is missing or made up.

    A slot is missing if `coverage` does not find its value. Made up is each different word that is part of no value and
    has a digit, or a capital letter though it begins no sentence: a false year, another country. The errors of both
    kinds are divided by the slots and the made-up words, so that the rate stays in [0, 1] and is 1 only if no slot is
    right.

    Args:
        completion: A text.
        slots: The values to state.

    >>> slot_errors("Ada was born in Paris in 1815.", ["Ada", "born", "London", "1815"])
    0.4
    """
    values = items_of(slots)
    missing = sum(not coverage(completion, [value]) for value in values)
    given = {word for value in values for word in WORD.findall(value.lower())}
    made_up = len({word.lower() for word in claims(completion)} - given)
    return (missing + made_up) / (len(values) + made_up) if values or made_up else 0.0


def claims(text: str) -> list[str]:
    """The words of a text that state a fact in a form to be checked: figures and proper names.

    >>> claims("The poet was born in London in 1815. He died.")
    ['London', '1815']
    """
    return [
        match[0]
        for match in WORD.finditer(text)
        if any(map(str.isdigit, match[0])) or (match[0][0].isupper() and not BEGINNING.search(text, 0, match.start()))
    ]

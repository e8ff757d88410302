"""Facts that a text has to state, and facts that it makes up."""

from __future__ import annotations

import re

from textgym.metrics.keywords import occurrences
from textgym.metrics.references import Items, items_of
from textgym.metrics.words import folded, is_word, words_and_marks

SENTENCES = re.compile(r"(?<=[.!?])\s")  # where one ends and the next begins
APOSTROPHE = re.compile("['’]")


def slot_errors(completion: str, slots: Items) -> float:
    """Slot error rate (Wen et al., 2015, https://aclanthology.org/D15-1199): what is missing or made up.

    A slot is missing if `textgym.metrics.coverage`, with endings, does not find its value. Made up is each different
    word that is part of no value and has a digit, or a capital letter though it begins no sentence: a false year,
    another country. The errors of both kinds are divided by the slots and the made-up words, so that the rate stays in
    [0, 1] and is 1 only if no slot is right.

    Args:
        completion: A text.
        slots: The values to state.

    >>> slot_errors("Ada was born in Paris in 1815.", ["Ada", "born", "London", "1815"])
    0.4
    """
    values = items_of(slots)
    missing = occurrences(completion, values, endings=True).count(False)
    given = {folded(name) for value in values for name in _names(value)}
    stated = {folded(claim) for claim in claims(completion)}
    made_up = sum(claim not in given and claim.removesuffix(".0") not in given for claim in stated)
    return (missing + made_up) / (len(values) + made_up) if values or made_up else 0.0


def claims(text: str) -> list[str]:
    """The words of a text that state a fact in a form to be checked: figures and proper names.

    >>> claims("The poet was born in London in 1815. He died.")
    ['London', '1815']
    """
    return [
        name
        for sentence in SENTENCES.split(text)
        for place, name in enumerate(_names(sentence))
        if any(map(str.isdigit, name)) or (place > 0 and name[0].isupper())
    ]


def _names(text: str) -> list[str]:
    """A text's words as they are written, in parts where they have an apostrophe: Ada is in Ada's."""
    parts = (part for token in words_and_marks(text) for part in APOSTROPHE.split(token))
    return [part for part in parts if is_word(part)]

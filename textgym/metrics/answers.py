"""Answers to questions, compared by the rules of SQuAD (Rajpurkar et al., 2016 and 2018, its evaluate-v2.0.py)."""

from __future__ import annotations

import re
import string
from collections import Counter

from textgym.metrics.f1 import F1
from textgym.metrics.references import Reference, best

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and superfluous white space.

    >>> normalize_answer("The  Eiffel Tower!")
    'eiffel tower'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(completion: str, reference: Reference) -> float:
    """1.0 if the normalised texts are equal, else 0.0.

    >>> exact_match("the tower.", ["Tower", "Eiffel Tower"])
    1.0
    """
    return best(lambda a, b: float(normalize_answer(a) == normalize_answer(b)), completion, reference)


def token_f1(completion: str, reference: Reference) -> float:
    """Harmonic mean of precision and recall of the normalised texts' words, as multisets, in [0, 1].

    >>> token_f1("tower in Paris", "the Eiffel Tower")
    0.4
    """
    return best(lambda a, b: F1.of(_answer_words(a), _answer_words(b)).f1, completion, reference)


def _answer_words(text: str) -> Counter[str]:
    return Counter(normalize_answer(text).split())

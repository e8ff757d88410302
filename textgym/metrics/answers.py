"""Answers to questions, compared by the rules of SQuAD (Rajpurkar et al., 2016 and 2018), and labels, by simpler ones.

SQuAD's script evaluate-v2.0.py drops articles and punctuation, and with them the whole of answers such as "A" or "+".
Such an answer equals only itself here, where the script finds all of them equal, to each other and to the empty text.
"""

from __future__ import annotations

import re
import string
from collections import Counter

from textgym.metrics.f1 import F1
from textgym.metrics.references import Reference, best
from textgym.metrics.words import folded

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and superfluous white space.

    >>> normalize_answer("The  Eiffel Tower!")
    'eiffel tower'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def accuracy(completion: str, reference: Reference) -> float:
    """1.0 if the completion is the label, whatever their case, white space and Unicode form, else 0.0.

    >>> accuracy(" arts", "Arts"), accuracy("C", "C++")
    (1.0, 0.0)
    """
    return best(lambda a, b: float(folded(a) == folded(b)), completion, reference)


def exact_match(completion: str, reference: Reference) -> float:
    """1.0 if the answers are equal by SQuAD's rules, without case, punctuation and articles, else 0.0.

    >>> exact_match("the tower.", ["Tower", "Eiffel Tower"]), exact_match("", "A")
    (1.0, 0.0)
    """
    return best(lambda a, b: float(_answer_words(a) == _answer_words(b)), completion, reference)


def token_f1(completion: str, reference: Reference) -> float:
    """Harmonic mean of precision and recall of the answers' words by SQuAD's rules, as multisets, in [0, 1].

    >>> token_f1("tower in Paris", "the Eiffel Tower")
    0.4
    """
    return best(lambda a, b: F1.of(Counter(_answer_words(a)), Counter(_answer_words(b))).f1, completion, reference)


def _answer_words(text: str) -> list[str]:
    """The words of a normalised answer; one that nothing is left of is a single word."""
    return normalize_answer(text).split() or [label for label in [folded(text)] if label]

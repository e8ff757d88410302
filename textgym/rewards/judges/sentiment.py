"""The proxy judge ``sentiment``: a linear classifier over TF-IDF of words and word pairs, in plain Python.

Made by ``python -m recipes.judges.train_proxy``; how good it is stands in ``assets/judges/README.md``.
It is cheap, never flat, and easily hacked: what an optimiser finds in it is checked by the judge
``gold`` (`textgym.rewards.judges.gold`), which is of another family and saw none of its rows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

WEIGHTS = Path(__file__).parents[2] / "assets" / "judges" / "sentiment.npz"
WORD = re.compile(r"\b\w\w+\b")


def features(text: str) -> list[str]:
    """The lower-case words of two or more characters, and the pairs of neighbours among them.

    >>> features("Not a good film!")
    ['not', 'good', 'film', 'not good', 'good film']
    """
    words = WORD.findall(text.lower())
    return words + [f"{first} {second}" for first, second in pairwise(words)]


class TfidfClassifier:
    """Logistic regression over L2-normalised TF-IDF.

    Args:
        path: An ``.npz`` file with ``vocabulary`` (UTF-8 bytes, one feature a line), ``idf`` and ``weight``
            (float32, one each per feature), and ``intercept`` (a number).
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        with np.load(path) as arrays:
            names = arrays["vocabulary"].tobytes().decode("utf-8").split("\n")
            idf, weight = arrays["idf"].astype(np.float64), arrays["weight"].astype(np.float64)
            self.intercept = float(arrays["intercept"])
        # a feature's share of the score and of the squared norm, so that a text costs one look-up a feature
        self._terms = dict(zip(names, zip((idf * weight).tolist(), (idf * idf).tolist(), strict=True), strict=True))

    def logit(self, text: str) -> float:
        """The log-odds that a text is positive; those of a text without known words are the intercept."""
        score = squares = 0.0
        for feature, count in Counter(features(text)).items():
            if term := self._terms.get(feature):
                score += count * term[0]
                squares += count * count * term[1]
        return self.intercept + (score / math.sqrt(squares) if squares else 0.0)

    def probability(self, text: str) -> float:
        """The probability in (0, 1) that a text is positive."""
        return 1.0 / (1.0 + math.exp(-self.logit(text)))


@lru_cache(maxsize=1)
def classifier() -> TfidfClassifier:
    """The embedded classifier, read at the first call."""
    return TfidfClassifier()


@register("sentiment")
@per_text
def sentiment(completion: str) -> float:
    """Score how positive completions are.

    The completion alone is scored, from 0 to 1: a positive prompt earns nothing, and an empty text has the classifier's
    prior.

    >>> good, bad = sentiment(completions=["a wonderful, moving film", "a dull and lifeless mess"])
    >>> good > 0.9 and bad < 0.1
    True
    """
    return classifier().probability(completion)

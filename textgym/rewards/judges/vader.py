"""VADER, a sentiment lexicon with rules (Hutto and Gilbert, 2014), through the package vaderSentiment (MIT).

A third judge beside `sentiment` and `gold`: neither made of the texts that they were trained on, nor trained at all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from textgym.rewards.contract import per_text
from textgym.rewards.registry import register


@register("vader")
@per_text
def vader(completion: str) -> float:
    """VADER's compound score of each completion alone, moved from [-1, 1] to [0, 1]; exactly 0.5 without known words.

    >>> good, bad = vader(completions=["a wonderful, moving film", "a terrible mess"])
    >>> good > 0.7 and bad < 0.3
    True
    """
    return (_analyzer().polarity_scores(completion)["compound"] + 1) / 2


@lru_cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # imports requests

    return SentimentIntensityAnalyzer()

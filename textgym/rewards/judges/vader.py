"""VADER, a sentiment lexicon with rules (Hutto and Gilbert, 2014), through the package vaderSentiment (MIT)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from textgym.errors import MissingPackageError
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register


@register("vader")
@per_text
def vader(completion: str) -> float:
    """VADER's compound score of each completion alone, moved from [-1, 1] to [0, 1]; exactly 0.5 without known words.

    Raises:
        MissingPackageError: vaderSentiment is not installed.
    """
    return (_analyzer().polarity_scores(completion)["compound"] + 1) / 2


@lru_cache
def _analyzer() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise MissingPackageError(
            "The reward 'vader' needs vaderSentiment. Install it with: pip install vaderSentiment"
        ) from error
    return SentimentIntensityAnalyzer()

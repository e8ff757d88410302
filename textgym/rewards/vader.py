"""VADER, a sentiment lexicon with rules (Hutto and Gilbert, 2014), through the package vaderSentiment (MIT)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from textgym.errors import MissingPackageError


def vader(prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
    """VADER's compound score of each completion alone, moved from [-1, 1] to [0, 1]; exactly 0.5 without known words.

    Raises:
        MissingPackageError: vaderSentiment is not installed.
    """
    return [(_analyzer().polarity_scores(text)["compound"] + 1) / 2 for text in completions]


@lru_cache
def _analyzer() -> Any:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise MissingPackageError(
            "The reward 'vader' needs vaderSentiment. Install it with: pip install vaderSentiment"
        ) from error
    return SentimentIntensityAnalyzer()

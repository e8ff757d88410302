"""Splits and orders that depend on a row's text alone: the same on every machine, and whatever rows are added."""

from __future__ import annotations

import hashlib
import re


def fraction(key: str) -> float:
    """A number in [0, 1) that depends on ``key`` alone, and is as good as random.

    >>> 0 <= fraction("a") < 1 and fraction("a") == fraction("a") != fraction("b")
    True
    """
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32


def normalise(text: str) -> str:
    """Lower-case letters and digits only: equal for two renderings of one sentence.

    >>> normalise("It's GOOD !")
    'itsgood'
    """
    return re.sub(r"[^a-z0-9]", "", text.lower())

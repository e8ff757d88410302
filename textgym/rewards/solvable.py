"""Rewards of ``TextGen-Solvable-v0``: simple enough to be enumerated, and each hard in another way."""

from __future__ import annotations

from textgym.metrics import Reference
from textgym.metrics.references import best
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

DECEPTION = 0.6


@register("agreement")
@per_text
def agreement(completion: str, reference: Reference) -> float:
    """The share of positions at which it has the reference's character, of the longer one's positions.

    White space around them does not count.

    >>> agreement(completions=["bead", " be", "beads", "dab"], reference=["bead"] * 4)
    [1.0, 0.5, 0.8, 0.0]
    """
    return best(share_of_positions, completion, reference)


@register("first_character")
@per_text
def first_character(completion: str, reference: Reference) -> float:
    """1.0 if its first character is the reference's, whatever follows, else 0.0: the credit is due long before."""
    return best(lambda text, other: float(text.strip()[:1] == other.strip()[:1]), completion, reference)


@register("deceptive")
@per_text
def deceptive(completion: str, reference: Reference) -> float:
    """1.0 for the reference alone; else 0.6 of the share of positions that differ: every step leads away from it.

    A trap function (K. Deb and D. Goldberg, 1993, Analyzing deception in trap functions).

    >>> deceptive(completions=["bead", "beaf", "face"], reference=["bead"] * 3)
    [1.0, 0.15, 0.6]
    """
    agreed = best(share_of_positions, completion, reference)
    return 1.0 if agreed == 1.0 else DECEPTION * (1.0 - agreed)


def share_of_positions(completion: str, reference: str) -> float:
    """In [0, 1]; 1.0 if both are empty."""
    written, expected = completion.strip(), reference.strip()
    longest = max(len(written), len(expected))
    return sum(a == b for a, b in zip(written, expected, strict=False)) / longest if longest else 1.0

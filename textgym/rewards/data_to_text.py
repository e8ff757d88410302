"""Rewards for sentences that state given facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textgym import metrics
from textgym.rewards.reference import Against, bleu, coverage


def _few_slot_errors(completion: str, concepts: Sequence[str]) -> float:
    """Minus the slot error rate, in [-1, 0]."""
    return 0.0 - metrics.slot_errors(completion, concepts)


def data_to_text(
    prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **columns: Any
) -> list[float | None]:
    """Mean of the coverage of ``concepts`` and sentence BLEU with ``reference``, in [0, 1].

    Either alone is easily hacked: a list of the concepts covers them all, and BLEU forgives a missing fact.
    """
    scores = (coverage(completions=completions, **columns), bleu(completions=completions, **columns))
    return [None if a is None or b is None else (a + b) / 2 for a, b in zip(*scores, strict=True)]


slot_errors = Against(_few_slot_errors, column="concepts", name="slot_errors")

"""Rewards for sentences that state given facts."""

from __future__ import annotations

from textgym import metrics
from textgym.rewards.reference import Against


def _few_slot_errors(completion: str, concepts: metrics.Items) -> float:
    """Minus the slot error rate, in [-1, 0]."""
    return 0.0 - metrics.slot_errors(completion, concepts)


def _data_to_text(completion: str, concepts: metrics.Items, reference: metrics.Reference) -> float:
    """Mean of the coverage of ``concepts`` and sentence BLEU with ``reference``, in [0, 1].

    Either alone is easily hacked: a list of the concepts covers them all, and BLEU forgives a missing fact.
    """
    return (metrics.coverage(completion, concepts, endings=True) + metrics.bleu(completion, reference)) / 2


data_to_text = Against(_data_to_text, ("concepts", "reference"), name="data_to_text")
slot_errors = Against(_few_slot_errors, ("concepts",), name="slot_errors")

"""Rewards for sentences that state given facts."""

from __future__ import annotations

from textgym import metrics
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register


@register("slot_errors")
@per_text
def slot_errors(completion: str, concepts: metrics.Items) -> float:
    """Minus the slot error rate, in [-1, 0]."""
    return 0.0 - metrics.slot_errors(completion, concepts)


@register("data_to_text")
@per_text
def data_to_text(completion: str, concepts: metrics.Items, reference: metrics.Reference) -> float:
    """Mean of the coverage of ``concepts`` and sentence BLEU with ``reference``, in [0, 1].

    Either alone is easily hacked: a list of the concepts covers them all, and BLEU forgives a missing fact.
    """
    return (metrics.coverage(completion, concepts, endings=True) + metrics.bleu(completion, reference)) / 2

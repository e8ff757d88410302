"""Rewards that compare a completion with what its row of the data set holds: a reference, concepts, or items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textgym import metrics
from textgym.errors import ConfigurationError


@dataclass(frozen=True)
class Against:
    """A metric of each completion and its row's value in a column; None where the row has no value.

    Args:
        metric: Of a completion and the value, for example `textgym.metrics.token_f1`.
        column: Of the data set.
    """

    metric: Callable[[str, Any], float]
    column: str = "reference"

    def __call__(
        self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **columns: Any
    ) -> list[float | None]:
        """Score the completions.

        Raises:
            ConfigurationError: The data set has no such column.
        """
        if self.column not in columns:
            raise ConfigurationError(
                f"A reward compares completions with the column {self.column!r}, which the data set does not have "
                f"(it has: {', '.join(columns) or 'none'}). Add the column, or choose another reward."
            )
        pairs = zip(completions, columns[self.column], strict=True)
        return [None if value is None else self.metric(completion, value) for completion, value in pairs]


def _rouge_2(completion: str, reference: metrics.Reference) -> float:
    """ROUGE-2: F1 of word pairs, as rouge-score without stemming."""
    return metrics.rouge_n(completion, reference, 2)


def _few_edits(completion: str, reference: metrics.Reference) -> float:
    """One minus the translation edit rate of sacrebleu (Snover et al., 2006), at least 0."""
    return max(0.0, 1.0 - metrics.ter(completion, reference))


exact_match = Against(metrics.exact_match)
token_f1 = Against(metrics.token_f1)
entity_f1 = Against(metrics.entity_f1)
triple_f1 = Against(metrics.triple_f1)
rouge_1 = Against(metrics.rouge_n)
rouge_2 = Against(_rouge_2)
rouge_l = Against(metrics.rouge_l)
bleu = Against(metrics.bleu)
chrf = Against(metrics.chrf)
ter = Against(_few_edits)
meteor = Against(metrics.meteor)
coverage = Against(metrics.coverage, column="concepts")
ndcg = Against(metrics.ndcg, column="items")

"""Rewards that compare a completion with what its row of the data set holds: a reference, concepts, or items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from reprlib import repr as short
from typing import Any

from textgym import metrics
from textgym.errors import ConfigurationError, DatasetError


@dataclass(frozen=True)
class Against:
    """A metric of each completion and its row's values in some columns; None where the row lacks one of the values.

    Args:
        metric: Of a completion and the values, for example `textgym.metrics.token_f1`.
        columns: Of the data set.
        name: Of the reward; the metric's by default.
    """

    metric: Callable[..., float]
    columns: tuple[str, ...] = ("reference",)
    name: str = ""

    @property
    def __name__(self) -> str:
        """As of a function: TRL reports rewards by it."""
        return self.name or getattr(self.metric, "__name__", "against")

    def __call__(
        self,
        prompts: Sequence[str] | None = None,
        completions: Sequence[str] = (),
        completion_ids: Sequence[Sequence[int]] = (),
        **columns: Any,
    ) -> list[float | None]:
        """Score the completions.

        Raises:
            ConfigurationError: The data set has no such columns.
            DatasetError: A value is not what the metric compares with.
        """
        missing = " and ".join(f"the column {column!r}" for column in self.columns if column not in columns)
        if missing:
            raise ConfigurationError(
                f"The reward {self.__name__!r} compares completions with {missing}, which the data set does not have "
                f"(it has: {', '.join(columns) or 'no other'}). Add what is missing, or choose another reward."
            )
        rows = zip(completions, *(columns[column] for column in self.columns), strict=True)
        return [self._of(completion, values) for completion, *values in rows]

    def _of(self, completion: str, values: Sequence[Any]) -> float | None:
        if any(value is None for value in values):
            return None
        try:
            return self.metric(completion, *values)
        except DatasetError as error:
            held = " and ".join(f"{c!r} is {short(value)}" for c, value in zip(self.columns, values, strict=True))
            raise DatasetError(f"The column {held}. {error}") from error


def _rouge_1(completion: str, reference: metrics.Reference) -> float:
    """ROUGE-1 (Lin, 2004): F1 of words, as rouge-score without stemming."""
    return metrics.rouge_n(completion, reference, 1)


def _rouge_2(completion: str, reference: metrics.Reference) -> float:
    """ROUGE-2 (Lin, 2004): F1 of word pairs, as rouge-score without stemming."""
    return metrics.rouge_n(completion, reference, 2)


def _few_edits(completion: str, reference: metrics.Reference) -> float:
    """One minus the translation edit rate of sacrebleu (Snover et al., 2006), at least 0."""
    return max(0.0, 1.0 - metrics.ter(completion, reference))


def _all_entities(completion: str, reference: metrics.Reference) -> float:
    """1.0 for all entities with their types and nothing else, in any order, else 0.0."""
    return float(metrics.entity_f1(completion, reference) == 1.0)


def _all_triples(completion: str, reference: metrics.Reference) -> float:
    """1.0 for all triples and nothing else, in any order, else 0.0."""
    return float(metrics.triple_f1(completion, reference) == 1.0)


def _coverage(completion: str, concepts: metrics.Items) -> float:
    """The fraction of the concepts that occur, with any regular English ending; 1.0 without any."""
    return metrics.coverage(completion, concepts, endings=True)


exact_match = Against(metrics.exact_match)
accuracy = Against(metrics.accuracy)
token_f1 = Against(metrics.token_f1)
entity_f1 = Against(metrics.entity_f1)
triple_f1 = Against(metrics.triple_f1)
all_entities = Against(_all_entities, name="all_entities")
all_triples = Against(_all_triples, name="all_triples")
rouge_1 = Against(_rouge_1, name="rouge1")
rouge_2 = Against(_rouge_2, name="rouge2")
rouge_l = Against(metrics.rouge_l, name="rougeL")
bleu = Against(metrics.bleu)
chrf = Against(metrics.chrf)
ter = Against(_few_edits, name="ter")
meteor = Against(metrics.meteor)
coverage = Against(_coverage, ("concepts",), name="coverage")
ndcg = Against(metrics.ndcg, ("items",))
recall = Against(metrics.recall, ("items",))

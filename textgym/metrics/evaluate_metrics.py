"""The metrics as `evaluate.Metric` classes: ``TokenF1().compute(predictions=texts, references=texts)``.

Importing this module imports `evaluate`, and with it torch. `textgym.metrics.module_path` has the script of each metric
for ``evaluate.load``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Sequence, Value

from textgym import metrics
from textgym.errors import DatasetError

TEXT, TEXTS = Value("string"), Sequence(Value("string"))


def _against(*kinds: Any) -> tuple[Features, ...]:
    """Predictions with references of one of these kinds."""
    return tuple(Features(predictions=TEXT, references=kind) for kind in kinds)


class TextMetric(evaluate.Metric):
    """A metric of predicted texts; ``compute`` passes on what else the function takes, such as ``n``."""

    function: Callable[..., Any]
    inputs: tuple[Features, ...]  # the alternatives

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="\nOne of: " + "; ".join(map(str, self.inputs)),
            features=list(self.inputs),
        )


class PredictionMetric(TextMetric):
    """Of the predictions alone: the function's value of all texts, or the mean of its values of each."""

    inputs = (Features(predictions=TEXT),)

    def _compute(self, predictions: list[str], **options: Any) -> dict[str, float]:
        return {self.name: float(np.mean(self.function(predictions, **options)))}


class ReferenceMetric(TextMetric):
    """Mean over all predictions; if it takes both, each reference is a text, or each is a list of texts."""

    inputs = _against(TEXT, TEXTS)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """See `evaluate.Metric`, which looks at the first reference only, and would compare with a list's repr.

        Raises:
            DatasetError: Some references are texts and some are not.
        """
        if references is not None and len({isinstance(reference, str) for reference in references}) > 1:
            raise DatasetError("Some references are texts and some are not. Make each a text, or each a list of texts.")
        super().add_batch(predictions=predictions, references=references, **kwargs)

    def _compute(self, predictions: list[str], references: list[Any], **options: Any) -> dict[str, float]:
        values = [self.function(*pair, **options) for pair in zip(predictions, references, strict=True)]
        return {self.name: float(np.mean(values))}


class CorpusMetric(ReferenceMetric):
    """Of all predictions together, under the names that the function gives its figures."""

    def _compute(self, predictions: list[str], references: list[Any], **options: Any) -> dict[str, float]:
        return self.function(predictions, {"reference": references}, **options)


def _metric(
    base: type[TextMetric], function: Callable[..., Any], inputs: tuple[Features, ...] = ()
) -> type[TextMetric]:
    """The class of a function: ``TokenF1`` of ``token_f1``. `evaluate` makes the metric's name of the class's again."""
    name = "".join(map(str.capitalize, function.__name__.split("_")))
    description = (inspect.getdoc(function) or "").partition(">>>")[0].strip()  # examples call the function
    doc = f"{description}\n\n{base.__doc__}"
    held = {"function": staticmethod(function), "inputs": inputs or base.inputs}
    return type(name, (base,), {"__doc__": doc, "__module__": __name__, **held})


DistinctN = _metric(PredictionMetric, metrics.distinct_n)
Repetition = _metric(PredictionMetric, metrics.repetition)
InvalidWords = _metric(PredictionMetric, metrics.invalid_words)

Accuracy = _metric(ReferenceMetric, metrics.accuracy)
ExactMatch = _metric(ReferenceMetric, metrics.exact_match)
TokenF1 = _metric(ReferenceMetric, metrics.token_f1)
EntityF1 = _metric(ReferenceMetric, metrics.entity_f1)
TripleF1 = _metric(ReferenceMetric, metrics.triple_f1)
RougeN = _metric(ReferenceMetric, metrics.rouge_n)
RougeL = _metric(ReferenceMetric, metrics.rouge_l)
Bleu = _metric(ReferenceMetric, metrics.bleu)
Chrf = _metric(ReferenceMetric, metrics.chrf)
Ter = _metric(ReferenceMetric, metrics.ter)
Meteor = _metric(ReferenceMetric, metrics.meteor)
Coverage = _metric(ReferenceMetric, metrics.coverage)
CopyRate = _metric(ReferenceMetric, metrics.copy_rate, _against(TEXT))
SlotErrors = _metric(ReferenceMetric, metrics.slot_errors)
Ndcg = _metric(ReferenceMetric, metrics.ndcg)
Recall = _metric(ReferenceMetric, metrics.recall)

MacroF1 = _metric(CorpusMetric, metrics.CORPUS["macro_f1"])
Entities = _metric(CorpusMetric, metrics.CORPUS["entities"])
Triples = _metric(CorpusMetric, metrics.CORPUS["triples"])
CorpusBleu = _metric(CorpusMetric, metrics.CORPUS["corpus_bleu"])

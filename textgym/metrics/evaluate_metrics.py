"""The metrics as `evaluate.Metric` classes: made without the hub, ``DistinctN().compute(predictions=texts)``.

Importing this module imports `evaluate`, and with it torch.
"""

from __future__ import annotations

import datasets
import evaluate

from textgym import metrics


class _TextMetric(evaluate.Metric):
    """A metric of texts alone."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="predictions: a list of texts; n: words per n-gram, 2 by default.",
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )


class DistinctN(_TextMetric):
    """Distinct n-grams over all n-grams of the predictions together: see `textgym.metrics.distinct_n`."""

    def _compute(self, predictions: list[str], n: int = 2) -> dict[str, float]:
        return {f"distinct_{n}": metrics.distinct_n(predictions, n)}


class Repetition(_TextMetric):
    """Mean fraction of a prediction's n-grams that repeat an earlier one: see `textgym.metrics.repetition`."""

    def _compute(self, predictions: list[str], n: int = 2) -> dict[str, float]:
        return {f"repetition_{n}": sum(metrics.repetition(predictions, n)) / len(predictions)}

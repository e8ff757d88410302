"""`coverage` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Coverage as Coverage

"""`accuracy` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Accuracy as Accuracy

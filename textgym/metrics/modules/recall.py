"""`recall` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Recall as Recall

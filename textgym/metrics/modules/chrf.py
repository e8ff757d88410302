"""`chrf` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Chrf as Chrf

"""`repetition` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Repetition as Repetition

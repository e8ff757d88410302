"""`copy_rate` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import CopyRate as CopyRate

"""`exact_match` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import ExactMatch as ExactMatch

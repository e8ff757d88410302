"""`invalid_words` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import InvalidWords as InvalidWords

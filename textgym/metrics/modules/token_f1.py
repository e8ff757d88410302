"""`token_f1` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import TokenF1 as TokenF1

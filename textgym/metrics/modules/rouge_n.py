"""`rouge_n` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import RougeN as RougeN

"""`rouge_l` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import RougeL as RougeL

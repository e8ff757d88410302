"""`macro_f1` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import MacroF1 as MacroF1

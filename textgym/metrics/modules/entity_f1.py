"""`entity_f1` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import EntityF1 as EntityF1

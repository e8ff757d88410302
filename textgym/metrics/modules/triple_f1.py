"""`triple_f1` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import TripleF1 as TripleF1

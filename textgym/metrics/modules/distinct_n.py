"""`distinct_n` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import DistinctN as DistinctN

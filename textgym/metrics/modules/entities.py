"""`entities` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Entities as Entities

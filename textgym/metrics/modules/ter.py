"""`ter` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Ter as Ter

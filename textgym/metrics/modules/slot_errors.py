"""`slot_errors` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import SlotErrors as SlotErrors

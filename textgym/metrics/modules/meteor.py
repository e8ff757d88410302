"""`meteor` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Meteor as Meteor

"""`triples` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Triples as Triples

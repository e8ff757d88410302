"""`bleu` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Bleu as Bleu

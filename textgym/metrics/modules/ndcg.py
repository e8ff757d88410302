"""`ndcg` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import Ndcg as Ndcg

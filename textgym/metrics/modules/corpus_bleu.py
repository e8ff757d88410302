"""`corpus_bleu` for ``evaluate.load``."""

from textgym.metrics.evaluate_metrics import CorpusBleu as CorpusBleu

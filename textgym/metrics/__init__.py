"""Metrics of generated text as pure functions.

`textgym.metrics.evaluate_metrics` has them as `evaluate.Metric` classes, and `module_path` as scripts for
``evaluate.load``.

Those of one completion against its reference are fractions in [0, 1], 1 where both are empty. A reference is a text or
a list of acceptable texts, of which the best counts. `textgym.metrics.words` says what a word is.
"""

from textgym.metrics.answers import accuracy, exact_match, normalize_answer, token_f1
from textgym.metrics.corpus import CORPUS
from textgym.metrics.diversity import distinct_n, ngrams, repetition, word_counts
from textgym.metrics.keywords import coverage, occurrences
from textgym.metrics.lexicon import invalid_words
from textgym.metrics.modules import module_path
from textgym.metrics.overlap import copy_rate, meteor, rouge_l, rouge_n
from textgym.metrics.ranking import listed_items, ndcg, recall
from textgym.metrics.references import Items, Reference, best, items_of
from textgym.metrics.slots import slot_errors
from textgym.metrics.spans import F1, entity_f1, parse_entities, parse_triples, triple_f1
from textgym.metrics.translation import bleu, chrf, corpus_bleu, ter

__all__ = [
    "CORPUS",
    "F1",
    "Items",
    "Reference",
    "accuracy",
    "best",
    "bleu",
    "chrf",
    "copy_rate",
    "corpus_bleu",
    "coverage",
    "distinct_n",
    "entity_f1",
    "exact_match",
    "invalid_words",
    "items_of",
    "listed_items",
    "meteor",
    "module_path",
    "ndcg",
    "ngrams",
    "normalize_answer",
    "occurrences",
    "parse_entities",
    "parse_triples",
    "recall",
    "repetition",
    "rouge_l",
    "rouge_n",
    "slot_errors",
    "ter",
    "token_f1",
    "triple_f1",
    "word_counts",
]

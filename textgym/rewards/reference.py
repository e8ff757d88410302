"""Rewards that compare a completion with what its row of the data set holds: a reference, concepts, or items."""

from __future__ import annotations

from textgym import metrics
from textgym.metrics import Items, Reference
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register


@register("accuracy")
@per_text
def accuracy(completion: str, reference: Reference) -> float:
    """1.0 if it is the label, whatever their case, white space and Unicode form, else 0.0."""
    return metrics.accuracy(completion, reference)


@register("exact_match")
@per_text
def exact_match(completion: str, reference: Reference) -> float:
    """1.0 if the answers are equal by SQuAD's rules, without case, punctuation and articles, else 0.0."""
    return metrics.exact_match(completion, reference)


@register("token_f1")
@per_text
def token_f1(completion: str, reference: Reference) -> float:
    """Harmonic mean of precision and recall of the answers' words by SQuAD's rules, as multisets, in [0, 1]."""
    return metrics.token_f1(completion, reference)


@register("entity_f1")
@per_text
def entity_f1(completion: str, reference: Reference) -> float:
    """F1 of typed entities: type and words must both be right, as in seqeval, where a span has a type."""
    return metrics.entity_f1(completion, reference)


@register("all_entities")
@per_text
def all_entities(completion: str, reference: Reference) -> float:
    """1.0 for all entities with their types and nothing else, in any order, else 0.0."""
    return float(metrics.entity_f1(completion, reference) == 1.0)


@register("triple_f1")
@per_text
def triple_f1(completion: str, reference: Reference) -> float:
    """F1 of whole triples."""
    return metrics.triple_f1(completion, reference)


@register("all_triples")
@per_text
def all_triples(completion: str, reference: Reference) -> float:
    """1.0 for all triples and nothing else, in any order, else 0.0."""
    return float(metrics.triple_f1(completion, reference) == 1.0)


@register("rouge1")
@per_text
def rouge1(completion: str, reference: Reference) -> float:
    """ROUGE-1 (Lin, 2004): F1 of words, as rouge-score without stemming."""
    return metrics.rouge_n(completion, reference, 1)


@register("rouge2")
@per_text
def rouge2(completion: str, reference: Reference) -> float:
    """ROUGE-2 (Lin, 2004): F1 of word pairs, as rouge-score without stemming."""
    return metrics.rouge_n(completion, reference, 2)


@register("rougeL")
@per_text
def rougeL(completion: str, reference: Reference) -> float:  # noqa: N802
    """ROUGE-L (Lin, 2004): F1 of the longest common subsequence of words, as rouge-score without stemming."""
    return metrics.rouge_l(completion, reference)


@register("bleu")
@per_text
def bleu(completion: str, reference: Reference) -> float:
    """Sentence BLEU of sacrebleu with effective order and exponential smoothing, in [0, 1]."""
    return metrics.bleu(completion, reference)


@register("chrf")
@per_text
def chrf(completion: str, reference: Reference) -> float:
    """The chrF of sacrebleu (Popović, 2015): F2 of character 1- to 6-grams, in [0, 1]."""
    return metrics.chrf(completion, reference)


@register("ter")
@per_text
def ter(completion: str, reference: Reference) -> float:
    """One minus the translation edit rate of sacrebleu (Snover et al., 2006), at least 0."""
    return max(0.0, 1.0 - metrics.ter(completion, reference))


@register("meteor")
@per_text
def meteor(completion: str, reference: Reference) -> float:
    """METEOR (Banerjee and Lavie, 2005) with exact matches only: no stems, no synonyms, which need WordNet."""
    return metrics.meteor(completion, reference)


@register("coverage")
@per_text
def coverage(completion: str, concepts: Items) -> float:
    """The fraction of the concepts that occur, with any regular English ending; 1.0 without any."""
    return metrics.coverage(completion, concepts, endings=True)


@register("ndcg")
@per_text
def ndcg(completion: str, items: Items) -> float:
    """Normalised discounted cumulative gain of the first five items (Järvelin and Kekäläinen, 2002), in [0, 1]."""
    return metrics.ndcg(completion, items)


@register("recall")
@per_text
def recall(completion: str, items: Items) -> float:
    """The fraction of the relevant items that is among the first five, of as many as there can be."""
    return metrics.recall(completion, items)

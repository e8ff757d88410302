"""Words and characters that a text shares with its reference, its source, or a list of concepts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from textgym.metrics.references import Reference, best

ROUGE_TOKEN = re.compile(r"[a-z0-9]+")  # rouge-score's: other characters, accented letters among them, separate
WORD = re.compile(r"\w+")


def rouge_n(completion: str, reference: Reference, n: int = 1) -> float:
    """ROUGE-N (Lin, 2004, https://aclanthology.org/W04-1013): F1 of word n-grams, as rouge-score without stemming.

    >>> rouge_n("the cat sat", "the cat ran", n=2)
    0.5
    """

    def score(a: str, b: str) -> float:
        words, expected_words = ROUGE_TOKEN.findall(a.lower()), ROUGE_TOKEN.findall(b.lower())
        grams, expected = _ngrams(words, n), _ngrams(expected_words, n)
        if not grams and not expected:  # nothing to compare: "" must not equal a text of less than n words
            return float(words == expected_words)
        return _f1((grams & expected).total(), grams.total(), expected.total())

    return best(score, completion, reference)


def rouge_l(completion: str, reference: Reference) -> float:
    """ROUGE-L (Lin, 2004): F1 of the longest common subsequence of words, as rouge-score without stemming.

    >>> rouge_l("the cat sat", "a cat sat")
    0.6666666666666666
    """

    def score(a: str, b: str) -> float:
        words, expected = ROUGE_TOKEN.findall(a.lower()), ROUGE_TOKEN.findall(b.lower())
        return _f1(_longest_common_subsequence(words, expected), len(words), len(expected))

    return best(score, completion, reference)


def bleu(completion: str, reference: Reference) -> float:
    """Sentence BLEU of sacrebleu (Post, 2018) with effective order and exponential smoothing, in [0, 1].

    Several references are used together, as BLEU does, and not one by one.
    """
    return _sacrebleu("BLEU", completion, reference)


def chrf(completion: str, reference: Reference) -> float:
    """The chrF of sacrebleu (Popović, 2015): F2 of character 1- to 6-grams, in [0, 1]."""
    return _sacrebleu("CHRF", completion, reference)


def ter(completion: str, reference: Reference) -> float:
    """Translation edit rate of sacrebleu (Snover et al., 2006): edits per word of the reference; 0.0 is perfect.

    The only metric here that falls as texts get better, and that may exceed 1. Each reference counts by itself:
    sacrebleu divides by their mean length, which makes saying nothing cheap where one of them is short.
    """
    references = [reference] if isinstance(reference, str) else reference
    return min(_sacrebleu("TER", completion, text) for text in references)


def meteor(completion: str, reference: Reference) -> float:
    """METEOR (Banerjee and Lavie, 2005) with exact matches only: no stems, no synonyms, which need WordNet.

    Harmonic mean of precision and recall of words that weighs recall nine times, less a penalty for disorder.

    >>> round(meteor("sat the cat", "the cat sat"), 3)
    0.852
    """
    return best(_meteor, completion, reference)


def coverage(completion: str, concepts: Sequence[str]) -> float:
    """The fraction of the concepts that occur as whole words, in any case and with any regular English ending.

    >>> coverage("Two dogs catch the frisbee.", ["dog", "frisbee", "throw"])
    0.6666666666666666
    """
    if not concepts:
        return 1.0
    words = f" {' '.join(WORD.findall(completion.lower()))} "
    return sum(_occurs(concept, words) for concept in concepts) / len(concepts)


def copy_rate(completion: str, source: str, n: int = 3) -> float:
    """The fraction of the completion's word n-grams that are copied from the source; 0.0 without n-grams.

    >>> copy_rate("the cat sat down", "today the cat sat there")
    0.5
    """
    grams = _ngrams(WORD.findall(completion.lower()), n)
    copied = _ngrams(WORD.findall(source.lower()), n)
    return sum(count for gram, count in grams.items() if gram in copied) / grams.total() if grams else 0.0


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def _f1(common: int, predicted: int, expected: int) -> float:
    if not predicted and not expected:
        return 1.0
    return 2 * common / (predicted + expected)


def _longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Its length, by bits of one integer (Hyyrö, 2004, Bit-parallel LCS-length computation revisited)."""
    where: defaultdict[str, int] = defaultdict(int)  # word -> bit i set where a[i] is the word
    for i, word in enumerate(a):
        where[word] |= 1 << i
    all_bits = (1 << len(a)) - 1
    rows = all_bits
    for word in b:
        matches = rows & where[word]
        rows = (rows + matches | rows - matches) & all_bits
    return len(a) - rows.bit_count()


def _meteor(completion: str, reference: str) -> float:
    words, expected = completion.lower().split(), reference.lower().split()
    if not words or not expected:
        return float(words == expected)
    aligned = _alignment(words, expected)
    if not aligned:
        return 0.0
    # a chunk goes on where both texts go on
    chunks = 1 + sum((i + 1, j + 1) != following for (i, j), following in pairwise(aligned))
    precision, recall = len(aligned) / len(words), len(aligned) / len(expected)
    mean = 10 * precision * recall / (recall + 9 * precision)
    return mean * (1 - 0.5 * (chunks / len(aligned)) ** 3)


def _alignment(words: Sequence[str], expected: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of equal words, each used once: that which goes on from the pair before, else the first that is free."""
    free: defaultdict[str, list[int]] = defaultdict(list)
    for j, word in enumerate(expected):
        free[word].append(j)
    pairs: list[tuple[int, int]] = []
    for i, word in enumerate(words):
        if places := free[word]:
            following = pairs[-1][1] + 1 if pairs else 0
            j = following if following in places else places[0]
            places.remove(j)
            pairs.append((i, j))
    return pairs


def _occurs(concept: str, words: str) -> bool:
    stem = " ".join(WORD.findall(concept.lower()))
    forms = [stem + ending for ending in ("", "s", "es", "d", "ed", "ing")]
    forms += [stem[:-1] + ending for ending in ("ing", "ies", "ied")]  # make, carry
    forms += [stem + stem[-1:] + ending for ending in ("ed", "ing")]  # stop
    return any(f" {form} " in words for form in forms)


@cache
def _scorer(name: str) -> Any:
    from sacrebleu import metrics

    return metrics.BLEU(effective_order=True) if name == "BLEU" else getattr(metrics, name)()


def _sacrebleu(name: str, completion: str, reference: Reference) -> float:
    references = [reference] if isinstance(reference, str) else list(reference)
    if not completion.strip() and not all(text.strip() for text in references):
        return float(name != "TER")  # both sides empty: perfect
    return _scorer(name).sentence_score(completion, references).score / 100

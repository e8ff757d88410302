"""Words that a text shares with its reference or its source."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from textgym.metrics.diversity import windows
from textgym.metrics.f1 import F1
from textgym.metrics.references import Reference, best
from textgym.metrics.words import words

ROUGE_TOKEN = re.compile(r"[a-z0-9]+")  # rouge-score's: other characters, accented letters among them, separate


def rouge_n(completion: str, reference: Reference, n: int = 1) -> float:
    """ROUGE-N (Lin, 2004, https://aclanthology.org/W04-1013): F1 of word n-grams, as rouge-score without stemming.

    Unlike there, equal texts of less than n words score 1.0, and a text without any of a-z and 0-9 is one word.

    >>> rouge_n("the cat sat", "the cat ran", n=2)
    0.5
    """

    def score(a: str, b: str) -> float:
        words, expected_words = _rouge_words(a), _rouge_words(b)
        grams, expected = Counter(windows(words, n)), Counter(windows(expected_words, n))
        if not grams and not expected:  # nothing to compare: "" must not equal a text of less than n words
            return float(words == expected_words)
        return F1.of(grams, expected).f1

    return best(score, completion, reference)


def rouge_l(completion: str, reference: Reference) -> float:
    """ROUGE-L (Lin, 2004): F1 of the longest common subsequence of words, as rouge-score without stemming.

    >>> rouge_l("the cat sat", "a cat sat")
    0.6666666666666666
    """

    def score(a: str, b: str) -> float:
        words, expected = _rouge_words(a), _rouge_words(b)
        return F1.of_counts(_longest_common_subsequence(words, expected), len(words), len(expected)).f1

    return best(score, completion, reference)


def meteor(completion: str, reference: Reference) -> float:
    """METEOR (Banerjee and Lavie, 2005) with exact matches only: no stems, no synonyms, which need WordNet.

    Harmonic mean of precision and recall of words that weighs recall nine times, less a penalty for disorder. That
    leaves equal texts of m words 1 - 0.5 / m³, in [0.5, 1); only where both are empty it is 1.

    >>> round(meteor("sat the cat", "the cat sat"), 3)
    0.852
    """
    return best(_meteor, completion, reference)


def copy_rate(completion: str, source: str, n: int = 3) -> float:
    """The fraction of the completion's word n-grams that are copied from the source; 0.0 without n-grams.

    >>> copy_rate("the cat sat down", "today the cat sat there")
    0.5
    """
    grams = windows(words(completion), n)
    copied = set(windows(words(source), n))
    return sum(gram in copied for gram in grams) / len(grams) if grams else 0.0


def _rouge_words(text: str) -> list[str]:
    """rouge-score's tokens; a text without any, in another script for example, is one, and so equals itself alone."""
    return ROUGE_TOKEN.findall(text.lower()) or [" ".join(text.split())]


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
    chunks = _chunks(words, expected)
    matches = sum(chunks)
    if not matches:
        return 0.0
    precision, recall = matches / len(words), matches / len(expected)
    mean = 10 * precision * recall / (recall + 9 * precision)
    return mean * (1 - 0.5 * (len(chunks) / matches) ** 3)


def _chunks(words: Sequence[str], expected: Sequence[str]) -> list[int]:
    """Lengths of the phrases that two texts share when every word of either is used once at most.

    The longest first, as in greedy string tiling (Wise, 1993): all words that can be matched are, in nearly as few
    chunks as can be, the least number being hard to find (minimum common string partition).
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for j, word in enumerate(expected):
        places[word].append(j)
    free = {(i, j) for i, word in enumerate(words) for j in places[word]}
    chunks = []
    while free:
        lengths: dict[tuple[int, int], int] = {}
        for i, j in sorted(free, reverse=True):
            lengths[i, j] = 1 + lengths.get((i + 1, j + 1), 0)
        (i, j), length = max(lengths.items(), key=lambda item: item[1])
        free = {(k, m) for k, m in free if not i <= k < i + length and not j <= m < j + length}
        chunks.append(length)
    return chunks

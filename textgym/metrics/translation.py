"""Translation metrics with the figures of sacrebleu (Post, 2018, https://aclanthology.org/W18-6319).

BLEU and chrF of single texts are asked for thousands of times a second, so they count n-grams here: a reference's once,
and a completion's only as far as they occur in the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import zip_longest
from typing import Any

from textgym.metrics.diversity import Ngrams, windows
from textgym.metrics.references import Reference, acceptable

WORD_ORDER, CHARACTER_ORDER = 4, 6
RECALL_WEIGHT = 4  # chrF's beta of 2, squared


def bleu(completion: str, reference: Reference) -> float:
    """Sentence BLEU of sacrebleu with effective order and exponential smoothing, in [0, 1].

    Several references are used together, as BLEU does, and not one by one.
    """
    references = acceptable(reference)
    if _all_empty(completion, references):
        return 1.0
    n_words, grams = _word_ngrams(completion.rstrip())
    lengths, expected = _expected_words(tuple(references))
    matched = [
        sum(min(n, expected[gram]) for gram, n in Counter(filter(expected.__contains__, of)).items()) for of in grams
    ]
    closest = min(lengths, key=lambda length: (abs(length - n_words), length))
    score = _sacrebleu("BLEU").compute_bleu(
        matched, [len(of) for of in grams], n_words, closest, smooth_method="exp", effective_order=True
    )
    return min(1.0, score.score / 100)  # the geometric mean of ones may be a little more


def corpus_bleu(completions: Sequence[str], references: Sequence[Reference]) -> float:
    """BLEU of a whole corpus (Papineni et al., 2002) with sacrebleu's defaults, in [0, 1]."""
    # one stream per reference number; None where a text has fewer, as sacrebleu has it
    streams = list(zip_longest(*map(acceptable, references)))
    return _sacrebleu("BLEU").corpus_score(completions, streams).score / 100


def chrf(completion: str, reference: Reference) -> float:
    """The chrF of sacrebleu (Popović, 2015): F2 of character 1- to 6-grams, in [0, 1]; the best of several references.

    >>> round(chrf("the cat", "the cats"), 3)
    0.776
    """
    references = acceptable(reference)
    if _all_empty(completion, references):
        return 1.0
    return max(_chrf(completion, text) for text in references)


def ter(completion: str, reference: Reference) -> float:
    """Translation edit rate of sacrebleu (Snover et al., 2006): edits per word of the reference; 0.0 is perfect.

    The only metric here that falls as texts get better, and that may exceed 1. Each reference counts by itself:
    sacrebleu divides by their mean length, which makes saying nothing cheap where one of them is short.
    """
    references = acceptable(reference)
    if _all_empty(completion, references):
        return 0.0
    return min(_sacrebleu("TER").sentence_score(completion, [text]).score / 100 for text in references)


def _matches(found: Counter[Any], expected: Counter[Any]) -> int:
    """How many n-grams match; one that is found more often than expected only so often."""
    return sum(min(count, expected[gram]) for gram, count in found.items())


def _all_empty(completion: str, references: Sequence[str]) -> bool:
    """Whether the completion and one of the references say nothing."""
    return not completion.strip() and not all(text.strip() for text in references)


def _word_ngrams(text: str) -> tuple[int, list[Ngrams]]:
    """The number of a text's words, as sacrebleu parts them, and their n-grams by order."""
    words = _sacrebleu("BLEU").tokenizer(text).split()
    return len(words), [windows(words, n) for n in range(1, WORD_ORDER + 1)]


@lru_cache(maxsize=1 << 14)
def _expected_words(references: tuple[str, ...]) -> tuple[list[int], Counter[tuple[str, ...]]]:
    """The references' lengths, and how often each n-gram occurs in that reference which has it most often."""
    parted = [_word_ngrams(text.rstrip()) for text in references]
    most: Counter[tuple[str, ...]] = Counter()
    for _, grams in parted:
        most |= Counter(gram for of in grams for gram in of)
    return [length for length, _ in parted], most


def _chrf(completion: str, reference: str) -> float:
    text = "".join(completion.split())
    length, expected = _expected_characters(reference)
    precisions, recalls, starts = [], [], list(range(len(text)))
    for n in range(1, min(CHARACTER_ORDER, len(text), length) + 1):  # orders that both texts have
        if starts and starts[-1] + n > len(text):
            starts.pop()
        starts = [i for i in starts if text[i : i + n] in expected]  # a match begins where a shorter one begins
        matched = _matches(Counter([text[i : i + n] for i in starts]), expected)
        precisions.append(matched / (len(text) - n + 1))
        recalls.append(matched / (length - n + 1))
    if not sum(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + RECALL_WEIGHT) * precision * recall / (RECALL_WEIGHT * precision + recall)


@lru_cache(maxsize=1 << 14)
def _expected_characters(reference: str) -> tuple[int, Counter[str]]:
    """The number of a reference's characters without white space, and its n-grams of all orders."""
    text = "".join(reference.split())
    grams = (text[i : i + n] for n in range(1, CHARACTER_ORDER + 1) for i in range(len(text) - n + 1))
    return len(text), Counter(grams)


@cache
def _sacrebleu(name: str) -> Any:
    from sacrebleu import metrics

    return getattr(metrics, name)()

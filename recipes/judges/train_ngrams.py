"""Make the trigram model: ``python -m recipes.judges.train_ngrams`` (two minutes; needs scikit-learn and scipy).

Interpolated modified Kneser-Ney smoothing (S. Chen and J. Goodman, 1999, An empirical study of smoothing techniques for
language modeling), over the texts that the word vectors are made of, then pruned by weighted difference (K. Seymore and
R. Rosenfeld, 1996, Scalable backoff language models). Then measures it on held-out texts and writes its card.
"""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recipes.data._leads import sentences
from recipes.judges.train_vectors import Text, corpus
from textgym.rewards.judges.ngrams import BEGIN, NGRAMS, QUANTUM, UNKNOWN, TrigramModel, found
from textgym.rewards.judges.words import words

logger = logging.getLogger(__name__)

VOCABULARY = 10_000
BIGRAMS, TRIGRAMS = 120_000, 130_000  # that are kept: about 1 MB


class Order(NamedTuple):
    """The n-grams of one order, n rows.

    Attributes:
        keys: Sorted: V * context + word, where a context's number is the key of its words.
        counts: As Kneser-Ney counts: how often it occurs, or after how many different words.
        log_probs: Interpolated with the lower order.
        gains: How much less likely the corpus would be if they were left to the lower order.
    """

    keys: np.ndarray
    counts: np.ndarray
    log_probs: np.ndarray
    gains: np.ndarray


def adjusted(keys: np.ndarray, counts: np.ndarray, divisor: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys and counts of the next lower order: the number of different words before it.

    What begins a text has only one thing before it; there the plain count stands.
    """
    shorter, where = np.unique(keys % divisor, return_inverse=True)
    plain = np.bincount(where, counts)
    return shorter, np.where(shorter // size == BEGIN, plain, np.bincount(where))


def discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from the counts 0, 1, 2, and 3 or more (Chen and Goodman, 1999, equation 26)."""
    n1, n2, n3, n4 = (np.count_nonzero(counts == k) for k in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    return np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])


def smoothed(keys: np.ndarray, counts: np.ndarray, occurrences: np.ndarray, lower: np.ndarray, size: int) -> Order:
    """Interpolate an order with the lower one.

    Args:
        keys: Of the n-grams, (n,).
        counts: Their adjusted counts, (n,).
        occurrences: Their plain counts, (n,), for the gains.
        lower: The lower order's probability of each, (n,).
        size: V.
    """
    _, context = np.unique(keys // size, return_inverse=True)
    total = np.bincount(context, counts)
    discount = discounts(counts)[np.minimum(counts, 3).astype(int)]
    left_over = np.bincount(context, discount) / total  # what the discounts leave to the lower order
    backed_off = left_over[context] * lower
    probs = (counts - discount) / total[context] + backed_off
    return Order(keys, counts, np.log(probs), occurrences * (np.log(probs) - np.log(backed_off)))


def estimate(ids: np.ndarray, size: int) -> tuple[np.ndarray, Order, Order]:
    """Log-probabilities of single words (V,), of bigrams and of trigrams, all of them.

    Args:
        ids: Of all texts, each with `BEGIN` twice before it, (n,).
        size: V.
    """
    predicted = ids[2:] != BEGIN
    u, v, w = (part[predicted] for part in (ids[:-2], ids[1:-1], ids[2:]))
    triples, counts = np.unique((u * size + v) * size + w, return_counts=True)
    pairs, pair_counts = adjusted(triples, counts, size * size, size)
    _, pair_occurrences = np.unique(v * size + w, return_counts=True)
    single = np.maximum(np.bincount(pairs % size, minlength=size), 1)  # `BEGIN` has none, and needs a logarithm
    unigrams = single / single.sum()
    bigrams = smoothed(pairs, pair_counts, pair_occurrences, unigrams[pairs % size], size)
    row, _ = found(pairs, triples % (size * size))
    trigrams = smoothed(triples, counts, counts, np.exp(bigrams.log_probs[row]), size)
    return np.log(unigrams), bigrams, trigrams


def best(order: Order, number: int) -> np.ndarray:
    """Which n-grams gain most, bool (n,)."""
    least = max(0, len(order.gains) - number)
    return order.gains >= np.partition(order.gains, least)[least]


def weights(context: np.ndarray, log_probs: np.ndarray, lower: np.ndarray, contexts: int) -> np.ndarray:
    """Logarithms of the weights that make each context's probabilities add up to 1 with the lower order's.

    Args:
        context: Of each n-gram that is kept, (n,).
        log_probs: Its log-probability, (n,).
        lower: What the lower order would give it, (n,).
        contexts: Their number.
    """
    kept, covered = (np.bincount(context, np.exp(values), minlength=contexts) for values in (log_probs, lower))
    return np.log(np.maximum(1 - kept, 1e-6)) - np.log(np.maximum(1 - covered, 1e-6))


def quantised(log_probs: np.ndarray) -> np.ndarray:
    """As `TrigramModel` stores them."""
    return np.clip(np.round(-log_probs / QUANTUM), 0, 255).astype(np.uint8)


def save(vocabulary: list[str], unknown: int, unigrams: np.ndarray, bigrams: Order, trigrams: Order) -> None:
    """Prune, and write what `TrigramModel` reads."""
    size = len(vocabulary)
    triples = best(trigrams, TRIGRAMS)
    keys, log_probs = trigrams.keys[triples], trigrams.log_probs[triples]
    pairs = best(bigrams, BIGRAMS) | np.isin(bigrams.keys, keys // size)  # also what trigrams are found by
    pair_keys, pair_log_probs = bigrams.keys[pairs], bigrams.log_probs[pairs]
    first, second = np.divmod(pair_keys, size)
    single_weights = weights(first, pair_log_probs, unigrams[second], size)

    context, known = found(pair_keys, keys // size)
    keys, log_probs, context = keys[known], log_probs[known], context[known]  # BEGIN BEGIN is no bigram
    pair, has_pair = found(pair_keys, keys % (size * size))
    middle, last = np.divmod(keys % (size * size), size)
    lower = np.where(has_pair, pair_log_probs[pair], single_weights[middle] + unigrams[last])
    pair_weights = weights(context, log_probs, lower, len(pair_keys))
    np.savez_compressed(
        NGRAMS,
        words=np.frombuffer("\n".join(vocabulary).encode("utf-8"), dtype=np.uint8),
        unknown=np.int64(unknown),
        unigrams=quantised(np.stack([unigrams, single_weights], 1)),
        bigrams=quantised(np.stack([pair_log_probs, pair_weights], 1)),
        trigrams=quantised(log_probs),
        bigram_keys=np.diff(pair_keys, prepend=0).astype(np.uint32),
        trigram_keys=np.diff(context * size + keys % size, prepend=0).astype(np.uint32),
    )


def train(texts: Sequence[Sequence[str]]) -> None:
    """Estimate and write the model."""
    counts = Counter(word for text in texts for word in text)
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: VOCABULARY - 2]
    vocabulary = ["<begin>", "<unknown>", *(word for word, _ in frequent)]  # neither is a word
    index = {word: i for i, word in enumerate(vocabulary)}
    ids = np.array([i for text in texts for i in (BEGIN, BEGIN, *(index.get(word, UNKNOWN) for word in text))])
    save(vocabulary, len(counts) - len(frequent), *estimate(ids, len(vocabulary)))


def held_out_sentences(texts: dict[str, Text]) -> dict[str, list[str]]:
    """Test sentences of five words or more by kind."""
    found = {name: kind.test for name, kind in texts.items() if kind.test}
    found["Wikipedia leads"] = [part for text in found["Wikipedia leads"] for part in sentences(text)]
    found["conversations"] = [turn for text in found["conversations"] for turn in text.split("\n")]
    return {name: [text for text in kind if len(text.split()) >= 5] for name, kind in found.items()}


def shuffled(text: str, rng: random.Random) -> str:
    """The words in another order."""
    parts = text.split()
    return " ".join(rng.sample(parts, len(parts)))


def write_card(texts: dict[str, Text]) -> None:
    """Measure the model as stored, and write its card."""
    model, rng = TrigramModel(), random.Random(0)
    lines = []
    for name, real in held_out_sentences(texts).items():
        nothing = [""] * len(real)
        scores = model.mean_log_probs(nothing, real)
        others = model.mean_log_probs(nothing, [shuffled(text, rng) for text in real])
        won = np.mean([a > b for a, b in zip(scores, others, strict=True)])
        lengths = [len(words(text)) for text in real]
        perplexity = math.exp(-np.average(scores, weights=lengths))
        lines.append(f"| {name} | {len(real):,} | {won:.3f} | {perplexity:.0f} |")
    with np.load(NGRAMS) as arrays:
        sizes = {name: f"{len(arrays[name]):,}" for name in ("unigrams", "bigrams", "trigrams")}
    size = round(NGRAMS.stat().st_size / 1000)
    card = CARD.format(**sizes, size=size, table="\n".join(lines))
    (NGRAMS.parent / "README.md").write_text(card, encoding="utf-8", newline="\n")


CARD = """\
# Trigram model

Written by `python -m recipes.judges.train_ngrams`, which makes the model and measures it. The reward `ngram_fluency`
scores texts by it; it needs numpy alone. `ngrams.npz`, {size} kB: {unigrams} words and marks, {bigrams} bigrams and
{trigrams} trigrams, their probabilities in sixteenths of a nat.

## How it was made

Interpolated modified Kneser-Ney smoothing (S. Chen and J. Goodman, 1999, An empirical study of smoothing techniques for
language modeling), from the texts that the word vectors are made of (`../vectors/README.md`, with their sources and
licences); then those n-grams were kept whose loss would make these texts least likely (weighted difference: K. Seymore
and R. Rosenfeld, 1996, Scalable backoff language models), and the weights of contexts computed anew, so that all
probabilities add up to 1. The words that the model lacks share one probability equally.

## Measured on the test splits

How often a sentence of five words or more is more likely than its own words in random order, and the perplexity per
word or mark, unknown ones included.

| sentences | number | real above shuffled | perplexity |
|---|---|---|---|
{table}

Known weaknesses: it sees three words at a time, so that a text may wander; names are unlikely words to it; a common
phrase said again and again is likely each time, and a stutter of one letter too (see the reward `repetition`).

## Data and licences

Those of `../vectors/README.md`. The file holds words, sequences of up to three words, and numbers.
"""


def main() -> None:
    """Train, write, measure."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    texts = corpus()
    train([words(text) for kind in texts.values() for text in kind.train])
    logger.info("%s: %d bytes", NGRAMS, NGRAMS.stat().st_size)
    write_card(texts)


if __name__ == "__main__":
    main()

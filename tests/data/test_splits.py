"""The embedded data: what its rows look like, and that nothing of a held-out split is anywhere else."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from recipes import corpora
from textgym.data import files
from textgym.data.datasets import ASSETS
from textgym.errors import MissingPackageError
from textgym.models import load_tokenizer

SPLITS = {"train": 3800, "validation": 300, "test": 600}


def rows(split: str) -> list[dict[str, Any]]:
    return list(files.read(ASSETS / f"sentiment-{split}.jsonl.gz"))


def full_text(row: dict[str, Any]) -> str:
    return f"{row['prompt']} {row['reference']}"


def lower_words(text: str) -> list[str]:
    return text.lower().split()


@pytest.fixture(scope="module")
def short_reviews() -> list[corpora.Review]:
    """Every labelled sentence that the scripts read."""
    try:
        reviews = corpora.rotten_tomatoes()
    except MissingPackageError as error:
        pytest.skip(str(error))
    if not corpora.UCI_SENTENCES.exists():
        pytest.skip("needs the npm package sentiment, unpacked by `make assets`")
    return reviews + corpora.uci_sentences()


@pytest.mark.parametrize("split", SPLITS)
def test_rows_are_short_openings_of_real_sentences_with_balanced_labels(split: str) -> None:
    """Fails if a prompt swallows the sentence, is too long for the environment, or one label is the rule."""
    tokenizer = load_tokenizer("textgym-tiny")
    data = rows(split)
    assert len(data) == SPLITS[split]
    assert Counter(row["label"] for row in data) == {0: len(data) // 2, 1: len(data) // 2}
    for row in data:
        assert list(row) == ["prompt", "reference", "label", "source", "film"]
        assert 3 <= len(row["prompt"].split()) <= 6
        assert len(tokenizer.encode(row["prompt"])) <= 16
        assert len(full_text(row).split()) >= 10
        assert row["reference"] == row["reference"].strip() != ""


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_text_prompt_or_film(first: str, second: str) -> None:
    """Fails if rows are split at random: films then occur in several splits, and common openings too."""
    for key in (
        lambda row: corpora.normalise(full_text(row)),
        lambda row: corpora.normalise(row["prompt"]),
        lambda row: row["film"] or full_text(row),  # UCI does not say which film
    ):
        assert not set(map(key, rows(first))) & set(map(key, rows(second)))


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_held_out_prompt_begins_a_training_text(split: str) -> None:
    """Fails if prompts were compared with prompts alone: 'This is a' and 'This is a film' are different prompts."""
    starts = {tuple(lower_words(full_text(row))[:n]) for row in rows("train") for n in range(3, 7)}
    assert not starts & {tuple(lower_words(row["prompt"])) for row in rows(split)}


def test_no_held_out_prompt_begins_any_sentence_that_a_model_was_trained_on(
    short_reviews: list[corpora.Review],
) -> None:
    """Fails if only the embedded training rows, not all that the language model read, were compared."""
    trained_on = [lower_words(review.text) for review in short_reviews if review.split == "train"]
    starts = {tuple(words[:n]) for words in trained_on for n in range(3, 7)}
    assert not starts & {tuple(lower_words(row["prompt"])) for split in ("validation", "test") for row in rows(split)}


def test_rows_lie_in_the_splits_of_their_sources(short_reviews: list[corpora.Review]) -> None:
    """Fails if the embedded test split holds sentences that the language model or a judge was trained on."""
    split_of = {corpora.normalise(review.text): review.split for review in short_reviews}
    for split in SPLITS:
        assert {split_of[corpora.normalise(full_text(row))] for row in rows(split)} == {split}


def test_the_judges_share_no_row_and_no_film(short_reviews: list[corpora.Review]) -> None:
    """Fails if the gold judge may learn from what the proxy saw, so that it would share the proxy's errors."""
    keys: dict[str, set[str]] = {"proxy": set(), "gold": set()}
    for review in short_reviews:
        keys[review.judge] |= {corpora.normalise(review.text), "film:" + (review.film or review.text)}
    assert len(keys["gold"]) > 1000
    assert not keys["proxy"] & keys["gold"]

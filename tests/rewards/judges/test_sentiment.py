"""The proxy judge."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from textgym.data import files
from textgym.data.datasets import ASSETS
from textgym.rewards.judges.sentiment import WEIGHTS, WORD, TfidfClassifier, sentiment


@pytest.fixture(scope="module")
def held_out() -> list[dict]:
    return list(files.read(ASSETS / "sentiment-test.jsonl.gz"))


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The share of pairs of a positive and a negative text in the right order."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    return float(np.mean(positive[:, None] > negative) + 0.5 * np.mean(positive[:, None] == negative))


def test_it_separates_held_out_sentences(held_out: list[dict]) -> None:
    """Fails if the weights and the vocabulary are shifted against one another, or the classes swapped."""
    labels = np.array([row["label"] for row in held_out])
    scores = np.array(sentiment(completions=[f"{row['prompt']} {row['reference']}" for row in held_out]))
    assert np.mean((scores > 0.5) == labels) >= 0.74
    assert auc(labels, scores) >= 0.83


def test_it_is_never_flat(held_out: list[dict]) -> None:
    """Fails for a lexicon, which gives a quarter of all short sentences exactly 0."""
    scores = sentiment(completions=[row["reference"] for row in held_out])
    assert len(set(scores)) == len({row["reference"] for row in held_out})
    assert all(0.0 < score < 1.0 for score in scores)


def test_a_text_without_known_words_scores_the_prior() -> None:
    """Fails if the norm of an empty vector divides by zero, or if silence is rewarded."""
    prior = 1 / (1 + np.exp(-TfidfClassifier().intercept))
    assert sentiment(completions=["", " ", "?!", "zzqx"]) == pytest.approx([prior] * 4)
    assert 0.4 < prior < 0.6


def test_order_of_words_counts_through_pairs() -> None:
    """Fails if the word pairs are lost on the way into the file."""
    first, second = sentiment(completions=["not good, just bad", "just good, not bad"])
    assert first < second


def test_the_completion_alone_is_scored() -> None:
    """Fails if prompt and completion are joined: an agent would be paid for its prompts."""
    prompts, ids = ["A wonderful", "An awful"], [[1], [1]]
    scores = sentiment(prompts=prompts, completions=["film"] * 2, completion_ids=ids, label=[1, 0])
    assert scores[0] == scores[1]
    assert sentiment(["A wonderful"], ["film"]) == scores[:1]


def test_it_equals_scikit_learn(held_out: list[dict]) -> None:
    """Fails if counts, norm, or tokens differ from the TF-IDF that was trained."""
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    with np.load(WEIGHTS) as arrays:
        names = arrays["vocabulary"].tobytes().decode("utf-8").split("\n")
        vectorizer = text.TfidfVectorizer(
            vocabulary={name: i for i, name in enumerate(names)}, ngram_range=(1, 2), token_pattern=WORD.pattern
        )
        vectorizer.idf_ = arrays["idf"].astype(np.float64)
        model = linear.LogisticRegression()
        model.classes_ = np.array([0, 1])
        model.coef_, model.intercept_ = arrays["weight"].astype(np.float64)[None], arrays["intercept"][None]
    texts = [row["reference"] for row in held_out] + ["good good good bad", "", "L'été naïve CAFÉ 1999's"]
    expected = model.predict_proba(vectorizer.transform(texts))[:, 1]
    np.testing.assert_allclose(sentiment(completions=texts), expected, rtol=1e-9)


def test_it_needs_neither_torch_nor_scikit_learn() -> None:
    """Fails if making an environment with the default reward takes the seconds that importing them takes."""
    code = (
        "import sys; from textgym.rewards.judges.sentiment import sentiment; sentiment(completions=['good']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_file_is_small() -> None:
    """Fails if the vocabulary is stored without compression, or with every pair that occurs once."""
    assert WEIGHTS.stat().st_size < 1_500_000

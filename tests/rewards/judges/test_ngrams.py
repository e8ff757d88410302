"""Fluency under the embedded trigram model."""

import math
import random
import subprocess
import sys

import numpy as np
import pytest

from textgym import data, rewards
from textgym.rewards.judges.ngrams import BEGIN, NGRAMS, UNKNOWN, TrigramModel, ngram_fluency, trigram_model

TEXTS = ["This is a very good film.", "I don't know what to say!", "", "Qzx vbl", "été 北京 👍", "a", "?!", " \n"]


@pytest.fixture(scope="module")
def held_out():
    columns = data.load("sentiment", "test").columns
    return [f"{a} {b}" for a, b in zip(columns["prompt"], columns["reference"], strict=True)]


@pytest.mark.parametrize("context", [(BEGIN, BEGIN), ("one", "of"), ("the", "film"), (UNKNOWN, "and"), ("of", UNKNOWN)])
def test_probabilities_add_up_to_one(context):
    """Fails if the weights of contexts belong to other contexts, or the keys' differences are not summed up."""
    model = trigram_model()
    size = len(model.words)
    u, v = (model.words.index(word) if isinstance(word, str) else word for word in context)
    every = np.arange(1, size)
    probs = np.exp(model.log_probs(np.full(size - 1, u), np.full(size - 1, v), every).astype(np.float64))
    with np.load(NGRAMS) as arrays:
        probs[UNKNOWN - 1] *= arrays["unknown"]  # all unknown words share one probability
    assert probs.sum() == pytest.approx(1, abs=0.04)  # stored in sixteenths of a nat


def test_real_sentences_are_above_shuffled_ones(held_out):
    rng = random.Random(0)
    shuffled = [" ".join(rng.sample(text.split(), len(text.split()))) for text in held_out]
    real, other = ngram_fluency(completions=held_out), ngram_fluency(completions=shuffled)
    assert np.mean(np.array(real) > other) >= 0.97


def test_a_model_of_single_words_would_not_do(held_out):
    """Fails if two words of context are given and one is used: the third then makes no difference."""
    model = trigram_model()
    ids = np.array(model.ids(" ".join(held_out)))
    with_two = model.log_probs(ids[:-2], ids[1:-1], ids[2:]).mean()
    with_one = model.log_probs(np.full(len(ids) - 2, UNKNOWN), ids[1:-1], ids[2:]).mean()
    assert with_two > with_one + 0.2
    assert math.exp(-with_two) < 450  # perplexity per word


def test_what_is_not_english_is_not_fluent():
    good, noise, strange = ngram_fluency(completions=["It is one of the best.", "of best the one is it", "xq zvv grx"])
    assert good > noise > strange > 0


def test_the_prompt_is_context_and_not_scored():
    fits, not_so = ngram_fluency(["He lives in the United", "a moving"], ["States", "States"])
    assert fits > 2 * not_so
    alone = ngram_fluency(completions=["States of America"])
    assert ngram_fluency(["States of"] * 2, ["America", ""]) != alone
    assert ngram_fluency([""], ["States of America"]) == alone


def test_emptiness_range_and_batches():
    values = ngram_fluency(completions=TEXTS)
    assert all(value == 0 if not text.strip() else 0 < value <= 1 for text, value in zip(TEXTS, values, strict=True))
    assert values == [ngram_fluency(completions=[text])[0] for text in TEXTS]  # alone as in a batch
    assert ngram_fluency(completions=[]) == [] and ngram_fluency(completions=["", ""]) == [0.0, 0.0]
    assert values == ngram_fluency([""] * len(TEXTS), TEXTS, completion_ids=[[]] * len(TEXTS), reference=TEXTS)


def test_the_score_is_that_of_the_mean_log_probability():
    model = TrigramModel()
    u, v, w = (model.words.index(word) for word in ("one", "of", "the"))
    expected = model.log_probs(np.array([u]), np.array([v]), np.array([w]))[0]
    assert ngram_fluency(["one of"], ["the"])[0] == pytest.approx(1 / (1 - expected), rel=1e-6)


def test_it_needs_no_torch():
    code = (
        "import sys; from textgym.rewards.judges.ngrams import ngram_fluency; ngram_fluency(completions=['good']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'scipy', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_file_is_small():
    assert NGRAMS.stat().st_size < 1_000_000


def test_registered():
    assert rewards.get("ngram_fluency") is ngram_fluency

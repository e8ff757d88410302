"""Translation metrics: against sacrebleu."""

import random

import pytest
import sacrebleu

from textgym import metrics

WORDS = [
    "the",
    "cat",
    "cats",
    "sat",
    "on",
    "a",
    "mat",
    "Mat!",
    "it's",
    "3.5",
    "--",
    "dog",
    "&",
    "&amp;",
    "<b>",
    "über",
    "naïve",
    ",",
    ".",
    "?",
    "東京",
]


def texts(seed, most=3):
    """A completion, now and then the beginning of a reference, and up to so many references; not all of them empty."""
    rng = random.Random(seed)
    references = [" ".join(rng.choices(WORDS, k=rng.randint(0, 12))) for _ in range(rng.randint(1, most))]
    completion = " ".join(rng.choices(WORDS, k=rng.randint(0, 12)))
    if rng.random() < 0.3:
        completion = references[0][: rng.randint(0, len(references[0]))]
    return completion if completion.strip() else "cat", references


@pytest.mark.parametrize("seed", range(150))
def test_bleu_and_chrf_equal_sacrebleu(seed):
    # a wrong order, length, clipping or tokenisation shows in some of these
    completion, references = texts(seed)
    bleu, chrf = sacrebleu.sentence_bleu(completion, references), sacrebleu.sentence_chrf(completion, references)
    assert metrics.bleu(completion, references) == pytest.approx(bleu.score / 100)
    assert metrics.chrf(completion, references) == pytest.approx(chrf.score / 100)


@pytest.mark.parametrize("seed", range(15))
def test_ter_equals_sacrebleu(seed):
    completion, (reference,) = texts(seed, most=1)
    assert metrics.ter(completion, reference) == pytest.approx(
        sacrebleu.sentence_ter(completion, [reference]).score / 100
    )


@pytest.mark.parametrize("reference", ["the cat", ["the cat", "a dog"]])
def test_saying_nothing_earns_nothing(reference):
    assert metrics.bleu("", reference) == metrics.chrf("", reference) == 0.0
    assert metrics.bleu("", "") == metrics.chrf(" ", ["", "a dog"]) == 1.0

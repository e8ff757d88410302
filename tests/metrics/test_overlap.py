"""Overlap: against rouge-score, sacrebleu and nltk, and by hand."""

import random

import pytest
import sacrebleu
from nltk.translate.meteor_score import meteor_score
from rouge_score.rouge_scorer import RougeScorer

from textgym import metrics

WORDS = ["the", "a", "cat", "dog's", "sat", "Ran", "on", "mat,", "Zürich", "co-op", "42", "!", "naïve"]


def pairs(n=60):
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 12))) for _ in range(2 * n)]
    return list(zip(texts[:n], texts[n:], strict=True))


@pytest.mark.parametrize(("completion", "reference"), [*pairs(), ("", "a cat"), ("a cat", "")])
def test_rouge_equals_rouge_score(completion, reference):
    expected = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False).score(reference, completion)
    long_enough = all(len(text.split()) > 2 for text in (completion, reference))
    assert metrics.rouge_n(completion, reference) == pytest.approx(expected["rouge1"].fmeasure)
    if long_enough:  # texts without any pair of words are both empty for us
        assert metrics.rouge_n(completion, reference, 2) == pytest.approx(expected["rouge2"].fmeasure)
    assert metrics.rouge_l(completion, reference) == pytest.approx(expected["rougeL"].fmeasure)


@pytest.mark.parametrize(("completion", "reference"), pairs(20))
def test_translation_metrics_equal_sacrebleu(completion, reference):
    other = "the cat sat on the mat"
    assert metrics.bleu(completion, [reference, other]) == pytest.approx(
        sacrebleu.sentence_bleu(completion, [reference, other]).score / 100
    )
    assert metrics.chrf(completion, reference) == pytest.approx(
        sacrebleu.sentence_chrf(completion, [reference]).score / 100
    )
    assert metrics.ter(completion, reference) == pytest.approx(
        sacrebleu.sentence_ter(completion, [reference]).score / 100
    )


class NoStems:
    def stem(self, word):
        return word


class NoSynonyms:
    def synsets(self, word):
        return []


@pytest.mark.parametrize(
    ("completion", "reference"),
    [
        ("the cat sat", "the cat sat"),
        ("sat the cat", "the cat sat"),
        ("the dog", "the cat sat on the mat"),
        ("nothing in common", "the cat sat"),
    ],
)
def test_meteor_equals_nltk(completion, reference):
    expected = meteor_score(
        [reference.split()], completion.split(), stemmer=NoStems(), wordnet=NoSynonyms(), alpha=0.9, beta=3, gamma=0.5
    )
    assert metrics.meteor(completion, reference) == pytest.approx(expected)


def test_meteor_keeps_phrases_together():
    """nltk aligns each word with the last one that is like it, and so sees more disorder than there is."""
    two_chunks_of_six = 1 - 0.5 * (2 / 6) ** 3
    assert metrics.meteor("on the mat the cat sat", "the cat sat on the mat") == pytest.approx(two_chunks_of_six)


def test_saying_nothing_earns_nothing():
    """Where one of the references is too short for the metric's n-grams, or makes their mean length short."""
    short = ["No", "The dog ran home in the rain"]
    assert metrics.rouge_n("", short, 2) == 0.0
    assert metrics.rouge_n("No", short, 2) == 1.0
    assert metrics.ter("", short) == 1.0


@pytest.mark.parametrize("metric", [metrics.rouge_n, metrics.rouge_l, metrics.bleu, metrics.chrf, metrics.meteor])
def test_fractions(metric):
    """1 for equal texts, and where both are empty; 0 where one is; the best of several references."""
    assert metric("the cat sat on a mat", "the cat sat on a mat") == pytest.approx(1.0, abs=1e-2)
    assert metric("", "") == 1.0
    assert metric("", "the cat") == metric("the cat", "") == 0.0
    assert metric("a dog ran", ["the cat sat", "a dog ran"]) >= metric("a dog ran", "the cat sat")


def test_edit_rate_of_equal_and_of_empty_texts():
    assert metrics.ter("the cat", "the cat") == metrics.ter("", "") == 0.0
    assert metrics.ter("", "the cat") == 1.0


@pytest.mark.parametrize(
    ("completion", "concepts", "expected"),
    [
        ("Dogs are running, and one stopped.", ["dog", "run", "stop"], 1),
        ("He carries and makes; it is making", ["carry", "make"], 1),
        ("A hotdog", ["dog"], 0),
        ("the New York skyline", ["New York", "sky"], 1 / 2),
        ("", ["dog"], 0),
        ("anything", [], 1),
    ],
)
def test_coverage(completion, concepts, expected):
    assert metrics.coverage(completion, concepts) == pytest.approx(expected)


def test_copy_rate():
    assert metrics.copy_rate("one two three four", "zero one two three") == pytest.approx(1 / 2)
    assert metrics.copy_rate("one", "one") == 0.0

"""Overlap: against rouge-score and nltk, and by hand."""

import random
from collections import Counter
from itertools import combinations, pairwise, permutations

import pytest
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


@pytest.mark.parametrize("metric", [metrics.rouge_n, metrics.rouge_l, lambda a, b: metrics.rouge_n(a, b, 2)])
@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        ("Москва", "Лондон", 0),
        ("", "Привет мир", 0),
        ("Привет", "Привет мир", 0),
        ("", "!", 0),
        ("🙂", "🙃", 0),
        ("🙂", "a 🙂", 0),
        ("Привет  мир\n", "Привет мир", 1),
        ("🙂🙂", "🙂🙂", 1),
        (" ", "", 1),
    ],
)
def test_rouge_of_texts_without_its_tokens(metric, completion, reference, expected):
    """Its tokens are [a-z0-9]+: texts without any must not be equal because both have none."""
    assert metric(completion, reference) == expected


class NoStems:
    def stem(self, word):
        return word


class NoSynonyms:
    def synsets(self, word):
        return []


def nltk_meteor(completion, reference):
    return meteor_score(
        [reference.split()], completion.split(), stemmer=NoStems(), wordnet=NoSynonyms(), alpha=0.9, beta=3, gamma=0.5
    )


def random_pair(seed, n_words, longest=12):
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(n_words)]
    return tuple(" ".join(rng.choices(words, k=rng.randint(1, longest))) for _ in range(2))


@pytest.mark.parametrize(
    ("completion", "reference"),
    [
        ("the cat sat", "the cat sat"),
        ("sat the cat", "the cat sat"),
        ("the dog", "the cat sat on the mat"),
        ("nothing in common", "the cat sat"),
        ("the cat", "the dog saw the cat"),  # the first "the" is not the one that the phrase begins with
        ("the dog saw the cat", "the cat"),
        ("a man", "a woman and a man"),
        ("a a a", "a a"),
        *[random_pair(seed, n_words=100) for seed in range(20)],
        *[random_pair(seed, n_words=5) for seed in (0, 1, 3, 4, 5, 8, 9, 12, 13, 15, 16, 18, 19, 21, 23, 28, 30, 31)],
    ],
)
def test_meteor_equals_nltk(completion, reference):
    assert metrics.meteor(completion, reference) == pytest.approx(nltk_meteor(completion, reference))


@pytest.mark.parametrize("n_words", [2, 3, 5, 8])
def test_meteor_finds_no_more_disorder_than_nltk(n_words):
    """nltk goes from the end and takes the last like word for each, which cuts phrases that might stay whole."""
    for seed in range(100):
        completion, reference = random_pair(seed, n_words)
        ours, theirs = metrics.meteor(completion, reference), nltk_meteor(completion, reference)
        assert ours >= theirs - 1e-9, (completion, reference)


@pytest.mark.parametrize("seed", range(60))
def test_meteor_is_that_of_the_fewest_chunks(seed):
    """By its definition, found here by trying every alignment."""
    completion, reference = random_pair(seed, n_words=3, longest=6)
    words, expected = completion.split(), reference.split()
    matches = (Counter(words) & Counter(expected)).total()
    chunks = min(fewest_chunks(words, expected, matches), default=0)
    fraction = matches / len(words), matches / len(expected)
    mean = 10 * fraction[0] * fraction[1] / (fraction[1] + 9 * fraction[0]) if matches else 0.0
    score = mean * (1 - 0.5 * (chunks / matches) ** 3) if matches else 0.0
    assert metrics.meteor(completion, reference) == pytest.approx(score)


def fewest_chunks(words, expected, matches):
    """The number of chunks of every alignment of so many words."""
    for chosen in combinations(range(len(words)), matches):
        for places in permutations(range(len(expected)), matches):
            pairs = list(zip(chosen, places, strict=True))
            if pairs and all(words[i] == expected[j] for i, j in pairs):
                yield 1 + sum((i + 1, j + 1) != following for (i, j), following in pairwise(pairs))


def test_meteor_keeps_phrases_together():
    two_chunks_of_six = 1 - 0.5 * (2 / 6) ** 3
    texts = "on the mat the cat sat", "the cat sat on the mat"
    assert metrics.meteor(*texts) == pytest.approx(two_chunks_of_six)
    assert metrics.meteor(*texts) > nltk_meteor(*texts)


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


def test_copy_rate():
    assert metrics.copy_rate("one two three four", "zero one two three") == pytest.approx(1 / 2)
    assert metrics.copy_rate("one", "one") == 0.0
    assert metrics.copy_rate("我喜欢猫", "他喜欢猫") == 1 / 2
    assert metrics.copy_rate("दिन का समय", "दान की समयी") == 0.0

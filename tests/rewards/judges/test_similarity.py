"""Similarity under the embedded word vectors."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import ConfigurationError
from textgym.rewards.judges.similarity import VECTORS, WordVectors, cosine, similarity

TEXTS = [
    "A moving, funny film about two brothers.", "The capital of Peru is Lima", "Hi! How are you doing today?", "",
    "Zorblax", "été à l'hôtel 北京 👍", "it was boring, and I left before the end", "a", "!?", "the of and to in",
    "\x00\ud800\n",
]  # fmt: skip


def score(completion, reference):
    return similarity(completions=[completion], reference=[reference])[0]


@pytest.mark.parametrize("text", [*TEXTS, "word " * 5000])
def test_a_text_equals_itself(text):
    """Fails if rounding leaves 0.9999999, or a text without known words has no vector."""
    assert score(text, text) == 1.0


def test_nothing_resembles_only_nothing():
    assert score("", " \n") == 1.0
    assert [score("", text) for text in TEXTS if text.split()] == [0.0] * (len(TEXTS) - 1)
    assert score("a film", "") == 0.0


def test_scores_are_symmetric_and_in_the_unit_interval():
    pairs = [(a, b) for a in TEXTS for b in TEXTS]
    there = similarity(completions=[a for a, _ in pairs], reference=[b for _, b in pairs])
    back = similarity(completions=[b for _, b in pairs], reference=[a for a, _ in pairs])
    assert there == back and all(0 <= value <= 1 for value in there)
    assert there == [score(a, b) for a, b in pairs]  # alone as in a batch


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("I love this movie", "a wonderful film", "the largest city of Brazil"),
        ("my dog is sick", "is your cat ill too?", "he won an award for best director"),
        ("She was a German physicist", "a chemist from Austria", "what did you eat for dinner?"),
        ("I like pizza and pasta", "do you eat a lot of cheese?", "the empire fell in the fifth century"),
        ("The team won the match", "a football player", "a species of flowering plant"),
        ("Quxly Brenn", "it stars Quxly Brenn", "it stars somebody else"),  # names that no vector is known of
    ],
)
def test_related_texts_are_closer(text, near, far):
    assert score(text, near) > score(text, far) + 0.1


def test_unrelated_texts_score_about_a_half():
    """Fails if what all texts share is not removed: any two texts then score above 0.8."""
    from textgym import data

    references = data.load("sentiment", "test").columns["reference"]
    values = similarity(completions=references[1:], reference=references[:-1])
    assert 0.4 < np.median(values) < 0.65
    assert len(set(values)) > 0.95 * len(values)  # never flat


def test_the_best_of_several_references_counts():
    references = ["the capital of Peru", "a funny film"]
    assert score("a funny movie", references) == max(score("a funny movie", text) for text in references)
    assert similarity(completions=["a", "b"], reference=[None, "b"]) == [None, 1.0]
    with pytest.raises(ConfigurationError, match="'similarity' compares completions with the column 'reference'"):
        similarity(completions=["a"])


def test_words_count_as_often_as_they_occur_in_any_order():
    assert score("dog bites man", "man bites dog") == 1.0
    assert score("film film film", "film dog") > score("film", "film dog dog dog")


def test_cosine():
    random_pairs = np.random.default_rng(0).standard_normal((20, 2, 8))
    for a, b in random_pairs:
        assert cosine(a, b) == pytest.approx((1 + a @ b / np.linalg.norm(a) / np.linalg.norm(b)) / 2, abs=1e-6)
        assert cosine(a, 3 * a) == 1.0 and cosine(a, -a) == 0.0


def test_an_unknown_word_resembles_none():
    """Fails if unknown words share a vector, or dominate those that are known."""
    vectors = WordVectors()
    names = [vectors.embed(f"qz{i}") for i in range(50)]
    cosines = [cosine(a, b) for i, a in enumerate(names) for b in names[:i]]
    assert np.mean(cosines) == pytest.approx(0.5, abs=0.01) and max(cosines) < 0.8
    assert np.linalg.norm(names[0]) < np.median(np.linalg.norm(vectors.vectors, axis=1))


def test_it_needs_no_torch():
    """Fails if making an environment with this reward takes the seconds that importing torch takes."""
    code = (
        "import sys; from textgym.rewards.judges.similarity import similarity; "
        "similarity(completions=['good'], reference=['bad']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'scipy', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_is_fast():
    """5,000 short texts a second are asked of it; fails at a tenth of what it makes on one slow core."""
    rng = random.Random(0)
    vocabulary = WordVectors().words
    texts, references = ([" ".join(rng.choices(vocabulary, k=12)) for _ in range(2000)] for _ in range(2))
    began = time.perf_counter()
    similarity(completions=texts, reference=references)
    assert 2000 / (time.perf_counter() - began) > 1500


def test_the_file_is_small():
    assert VECTORS.stat().st_size < 1_000_000


def test_registered():
    assert rewards.RewardFunctions("similarity").names == ["similarity"]
    assert rewards.get("similarity") is similarity

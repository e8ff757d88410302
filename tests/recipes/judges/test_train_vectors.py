"""How the word vectors are made, on texts made up."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from recipes.judges import train_vectors
from recipes.judges.train_vectors import WINDOW, cooccurrences, ppmi, save, weighted, wins
from textgym.rewards.judges import similarity


def test_cooccurrences_by_hand():
    """Fails if windows reach into the next text, or unknown words close the gap that they leave."""
    index = {"a": 0, "b": 1, "c": 2}
    counts = cooccurrences([["a", "b", "x", "c"], ["a"]], index).toarray()
    near, two, three = (1 - k / WINDOW for k in range(3))
    expected = np.array([[0, near, three], [near, 0, two], [three, two, 0]])
    np.testing.assert_allclose(counts, expected)


def test_words_that_meet_by_chance_have_no_information(monkeypatch):
    from scipy import sparse

    monkeypatch.setattr(train_vectors, "SMOOTHING", 1.0)
    frequency = np.array([3.0, 2.0, 1.0])
    assert np.allclose(ppmi(sparse.csr_matrix(np.outer(frequency, frequency))).toarray(), 0)
    together = ppmi(sparse.csr_matrix(np.array([[0.0, 8.0, 1.0], [8.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))).toarray()
    assert together[0, 1] == pytest.approx(np.log(8 * 20 / (9 * 9)))  # the definition: log p(x, y) / (p(x) p(y))


def test_frequent_words_and_what_is_common_count_little():
    """Fails if weights grow with frequency, or if the common direction is left in."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50, 8)) + np.array([5.0, *[0.0] * 7])  # all point along the first axis
    frequency = np.full(50, 1e-5)
    frequency[0] = 0.05
    result = weighted(vectors, frequency, [rng.integers(1, 50, 20).tolist() for _ in range(200)])
    lengths = np.linalg.norm(result, axis=1)
    assert lengths[0] < 0.01 < lengths[1:].min() and lengths.mean() == pytest.approx(1)
    assert np.abs(result[1:, 0]).mean() < 0.2 * np.abs(result[1:, 1:]).mean()


def test_a_file_holds_what_was_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(train_vectors, "VECTORS", tmp_path / "vectors.npz")
    vectors = np.random.default_rng(0).standard_normal((3, 16)) * np.array([[0.001], [1.0], [50.0]])
    save(["the", "été", "'"], vectors)
    read = similarity.WordVectors(tmp_path / "vectors.npz")
    assert read.words == ["the", "été", "'"]
    np.testing.assert_allclose(
        read.vectors / np.abs(vectors).max(1, keepdims=True),
        vectors / np.abs(vectors).max(1, keepdims=True),
        atol=0.005,
    )
    np.testing.assert_allclose(read.embed("The été the"), 2 * read.vectors[0] + read.vectors[1], rtol=1e-5)


def test_wins():
    texts = np.eye(4)
    assert wins(np.stack([texts, texts])) == 1.0
    assert wins(np.stack([texts, texts[[1, 2, 3, 0]]])) < 0.01
    rng = np.random.default_rng(0)
    assert wins(rng.standard_normal((2, 300, 8))) == pytest.approx(0.5, abs=0.05)

"""How the trigram model is made, on texts made up."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from recipes.judges import train_ngrams
from recipes.judges.train_ngrams import adjusted, discounts, estimate, train
from textgym.rewards.judges.ngrams import BEGIN, TrigramModel


@pytest.fixture(scope="module")
def texts():
    """Each word is the one before it or the next number, or else one by Zipf's law."""
    rng = np.random.default_rng(0)
    made = []
    for length in rng.integers(1, 30, 1500):
        text = [0]
        for _ in range(length):
            text.append((text[-1] + rng.integers(0, 2)) % 40 if rng.random() < 0.6 else min(rng.zipf(1.5), 200))
        made.append([f"w{word}" for word in text])
    return made


def test_counts_of_lower_orders_are_of_different_contexts():
    """Fails if plain counts are used: Kneser and Ney's "San Francisco"."""
    size = 10
    triples = np.array([(BEGIN * size + BEGIN) * size + 4, (5 * size + 3) * size + 7, (6 * size + 3) * size + 7])
    keys, counts = adjusted(triples, np.array([6, 9, 8]), size * size, size)
    assert dict(zip(keys.tolist(), counts.tolist(), strict=True)) == {3 * size + 7: 2, BEGIN * size + 4: 6}


def test_discounts_by_hand():
    # 4 once, 2 twice, 1 three times, 1 four times: Y = 4 / (4 + 2 * 2) = 0.5
    expected = [0, 1 - 2 * 0.5 * 2 / 4, 2 - 3 * 0.5 * 1 / 2, 3 - 4 * 0.5 * 1 / 1]
    assert discounts(np.array([1, 1, 1, 1, 2, 2, 3, 4, 9])) == pytest.approx(expected)


def test_nothing_is_lost_in_smoothing(texts):
    """Fails if the weight of the lower order is not what the discounts have left."""
    size = 60
    ids = np.array([i for text in texts for i in (BEGIN, BEGIN, *(min(int(word[1:]) + 2, size - 1) for word in text))])
    unigrams, bigrams, trigrams = estimate(ids, size)
    assert np.exp(unigrams).sum() == pytest.approx(1)
    for order, lower in ((bigrams, np.exp(unigrams)), (trigrams, None)):
        assert (order.log_probs <= 0).all() and (np.diff(order.keys) > 0).all() and (order.gains >= 0).all()
        seen = np.bincount(np.unique(order.keys // size, return_inverse=True)[1], np.exp(order.log_probs))
        assert (seen <= 1 + 1e-9).all()
        if lower is not None:
            context = order.keys[0] // size
            here = order.keys // size == context
            counts = order.counts[here]
            left_over = discounts(order.counts)[np.minimum(counts, 3).astype(int)].sum() / counts.sum()
            unseen = np.setdiff1d(np.arange(size), order.keys[here] % size)
            total = np.exp(order.log_probs[here]).sum() + left_over * lower[unseen].sum()
            assert total == pytest.approx(1)


@pytest.mark.parametrize("kept", [(100_000, 100_000), (300, 200)])
def test_a_model_is_a_distribution_however_much_is_pruned(texts, kept, tmp_path, monkeypatch):
    """Fails if contexts keep the weights that they had before pruning, or trigrams lose the bigram they hang on."""
    monkeypatch.setattr(train_ngrams, "NGRAMS", tmp_path / "ngrams.npz")
    monkeypatch.setattr(train_ngrams, "VOCABULARY", 100)
    monkeypatch.setattr(train_ngrams, "BIGRAMS", kept[0])
    monkeypatch.setattr(train_ngrams, "TRIGRAMS", kept[1])
    train(texts)
    model = TrigramModel(tmp_path / "ngrams.npz")
    size = len(model.words)
    assert size == 100
    every = np.arange(1, size)
    for u, v in np.random.default_rng(1).integers(0, size, (50, 2)):
        probs = np.exp(model.log_probs(np.full(size - 1, u), np.full(size - 1, v), every).astype(np.float64))
        with np.load(tmp_path / "ngrams.npz") as arrays:
            probs[0] *= arrays["unknown"]
        assert probs.sum() == pytest.approx(1, abs=0.04)
    rule, chance = (model.mean_log_probs([""], [text])[0] for text in ("w0 w1 w2 w3 w4", "w0 w9 w2 w7 w1"))
    assert rule > chance + 0.5

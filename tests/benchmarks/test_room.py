"""The expected best of k samples, and the rows that the benchmark writes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks import perform, room


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_pass_at_k_is_the_mean_best_of_all_subsets(k):
    # the best of the first k would have the same mean and more noise; the best of all n would be too high
    scores = np.random.default_rng(0).random((7, 5))
    subsets = [scores[:, list(chosen)].max(1).mean() for chosen in itertools.combinations(range(5), k)]
    assert room.pass_at(k, scores) == pytest.approx(np.mean(subsets))


def test_a_row_says_what_sampling_and_greed_earn(monkeypatch, tmp_path):
    monkeypatch.setattr(perform, "STARTS", tmp_path)
    monkeypatch.setattr(room, "KS", (1, 2))
    row = room.measure("TextGen-Classification-v0", 0, 8, samples=2, total_tokens=0, dtype="float32")
    assert row["pass@1"] <= row["pass@2"] and 0 <= row["greedy"] <= 1
    assert row["n examples"] == 8 and len([*tmp_path.iterdir()]) == 1

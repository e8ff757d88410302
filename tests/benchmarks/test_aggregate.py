"""Statistics against values worked out by hand."""

import numpy as np
import pytest

from benchmarks.aggregate import bootstrap_interval, iqm, normalise


def test_iqm_by_hand():
    assert iqm(np.arange(1.0, 9.0)) == 4.5  # of 3, 4, 5, 6
    assert iqm(np.array([5.0, -100.0, 4.0, 3.0, 100.0])) == 4.0  # of 3, 4, 5: one of five is left out at each end
    assert iqm(np.array([1.0, 2.0, 6.0])) == 3.0  # of all
    assert iqm(np.array([[1.0, 2.0, 3.0, 90.0], [0.0, 8.0, 6.0, 9.0]])).tolist() == [2.5, 7.0]


def test_the_bootstrap_knows_a_small_distribution():
    # the mean of two draws of {0, 1} is 0, 1/2, 1 with probability 1/4, 1/2, 1/4
    scores = [np.array([0.0, 1.0])]
    rng = np.random.default_rng(0)
    assert bootstrap_interval(scores, rng=rng) == (0.0, 1.0)
    assert bootstrap_interval(scores, rng=rng, level=0.4) == (0.5, 0.5)


def test_the_bootstrap_draws_within_tasks():
    # tasks are fixed: drawn across them, the mean would vary between 0 and 10
    strata = [np.array([0.0, 0.0, 0.0]), np.array([10.0, 10.0, 10.0])]
    assert bootstrap_interval(strata, rng=np.random.default_rng(0)) == (5.0, 5.0)


def test_the_interval_is_that_of_its_generator():
    strata = [np.random.default_rng(1).normal(size=10), np.random.default_rng(2).normal(size=5)]
    first, again, other = (bootstrap_interval(strata, iqm, rng=np.random.default_rng(s)) for s in (0, 0, 1))
    assert first == again != other
    low, high = first
    assert low < iqm(np.concatenate(strata)) < high
    assert other == pytest.approx(first, abs=0.05)


def test_one_seed_has_no_interval():
    assert bootstrap_interval([np.array([0.5])], rng=np.random.default_rng(0)) is None


def test_normalise():
    assert normalise(np.array([0.4, 0.5, 0.8]), 0.4, 0.6).tolist() == pytest.approx([0.0, 0.5, 2.0])
    assert normalise(np.array([0.4]), 0.6, 0.4) is None  # an oracle below chance is no scale

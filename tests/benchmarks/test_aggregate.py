"""Statistics against values worked out by hand, and against the truth of simulated boards."""

import numpy as np
import pytest

from benchmarks.aggregate import Estimate, Scores, estimate_iqm, estimate_mean, holm, iqm


def test_iqm_by_hand():
    assert iqm(np.arange(1.0, 9.0)) == 4.5  # of 3, 4, 5, 6
    assert iqm(np.array([5.0, -100.0, 4.0, 3.0, 100.0])) == 4.0  # of 3, 4, 5: one of five is left out at each end
    assert iqm(np.array([1.0, 2.0, 6.0])) == 3.0  # of all
    assert iqm(np.array([[1.0, 2.0, 3.0, 90.0], [0.0, 8.0, 6.0, 9.0]])).tolist() == [2.5, 7.0]


def test_standard_errors_by_hand():
    # seeds .5 and .75, variance 1/32, examples .25, .5, 1.125, variance 39/192
    estimate = estimate_mean([Scores.of(np.array([[0.0, 0.5, 1.0], [0.5, 0.5, 1.25]]))])
    seeds, examples = 1 / 32 / 2, 39 / 192 / 3
    assert estimate.value == 0.625
    assert estimate.error**2 == pytest.approx(seeds + examples)
    assert estimate.freedom == pytest.approx((seeds + examples) ** 2 / (seeds**2 / 1 + examples**2 / 2))


def test_students_interval_by_hand():
    low, high = Estimate(1.0, 0.5, 2).interval()
    assert (low, high) == pytest.approx((1 - 4.3027 * 0.5, 1 + 4.3027 * 0.5), abs=1e-4)
    assert Estimate(4.3027, 1.0, 2).p_value == pytest.approx(0.05, abs=1e-5)
    assert Estimate(0.5, 0.0, np.inf).interval() == (0.5, 0.5)
    assert (Estimate(0.5, 0.0, np.inf).p_value, Estimate(0.0, 0.0, np.inf).p_value) == (0.0, 1.0)


def test_tasks_are_fixed():
    # drawn across tasks, the mean would vary between 0 and 10
    tasks = [Scores(np.zeros(3)), Scores(np.full(3, 10.0))]
    assert estimate_mean(tasks).interval() == (5.0, 5.0)
    assert estimate_iqm(tasks, rng=np.random.default_rng(0)).interval() == (5.0, 5.0)


def test_what_is_drawn_is_what_the_clustered_errors_say():
    # of up to three seeds the interquartile mean is the mean
    tasks = [Scores.of(np.random.default_rng(0).normal(size=(3, 50)))]
    drawn, known = estimate_iqm(tasks, rng=np.random.default_rng(0), repetitions=20_000), estimate_mean(tasks)
    assert drawn.value == pytest.approx(known.value)
    assert drawn.error == pytest.approx(known.error, rel=0.02)
    assert drawn.freedom == pytest.approx(known.freedom, rel=0.1)


def test_the_interval_is_that_of_its_generator():
    tasks = [Scores(np.random.default_rng(1).normal(size=10)), Scores(np.random.default_rng(2).normal(size=5))]
    first, again, other = (estimate_iqm(tasks, rng=np.random.default_rng(s)) for s in (0, 0, 1))
    assert first == again != other
    assert other.interval() == pytest.approx(first.interval(), abs=0.05)


def test_one_seed_has_no_interval():
    one, two = Scores(np.array([0.5]), np.arange(9.0)), Scores(np.array([0.5, 0.75]))
    for tasks in ([one], [two, one]):
        assert estimate_mean(tasks) is estimate_iqm(tasks, rng=np.random.default_rng(0)) is None


def test_normalised():
    scores = Scores(np.array([0.4, 0.5, 0.8]), np.array([0.3]))
    assert scores.normalised(0.4, 0.6).by_seed.tolist() == pytest.approx([0.0, 0.5, 2.0])
    assert scores.normalised(0.4, 0.6).by_example.tolist() == pytest.approx([-0.5])
    assert scores.normalised(0.6, 0.4) is None  # a model below chance is no scale


def test_pairs_share_what_a_seed_and_an_example_bring():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, 1)) + rng.normal(size=(1, 100))
    before, after = Scores.of(table), Scores.of(table + 0.25)
    assert estimate_mean([after - before]).interval() == pytest.approx((0.25, 0.25))
    without_texts = Scores(before.by_seed)
    assert len((after - without_texts).by_example) == 0


def test_holm_by_hand():
    # Holm's own order: the least times 4, the next times 3, never less than the one before
    assert holm([0.02, 0.01, 0.5, 0.021]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


EXAMPLES = 60
# standard deviations of what a seed, an example and a single text bring: seeds alone, all alike, mostly examples
NOISE = [(1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.1, 1.0, 1.0)]


def boards(seeds, noise, n, tasks=1):
    """Simulated boards whose true scores are 0, 1, 2 ...; of each, the scores of every task."""
    rng, (a, b, c) = np.random.default_rng(seeds), noise
    for _ in range(n):
        yield [
            Scores.of(
                task
                + a * rng.normal(size=(seeds, 1))
                + b * rng.normal(size=(1, EXAMPLES))
                + c * rng.normal(size=(seeds, EXAMPLES))
            )
            for task in range(tasks)
        ]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_cover_the_truth(seeds, noise):
    # percentiles of a bootstrap over three seeds would cover .74 of the first and .56 of the last; Student's interval
    # over ten seeds alone .60 of the last; normal quantiles instead of Student's .81 of the first
    intervals = [estimate_mean(tasks).interval() for tasks in boards(seeds, noise, 2000)]
    assert np.mean([low <= 0 <= high for low, high in intervals]) >= 0.92


@pytest.mark.parametrize("tasks", [1, 4])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_of_the_interquartile_mean_cover_the_truth(seeds, tasks):
    for noise in NOISE:
        rng = np.random.default_rng(0)
        found = [estimate_iqm(own, rng=rng, repetitions=100) for own in boards(seeds, noise, 250, tasks)]
        intervals = [estimate.interval() for estimate in found]
        assert np.mean([low <= (tasks - 1) / 2 <= high for low, high in intervals]) >= 0.92

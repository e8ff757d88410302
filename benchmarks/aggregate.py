"""Statistics over seeds: interquartile mean, stratified bootstrap, normalised scores.

Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical Precipice".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import stdtrit

REPETITIONS = 10_000


def mean(scores: np.ndarray) -> np.ndarray:
    """Mean along the last axis."""
    return scores.mean(axis=-1)


def iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean along the last axis: of what is left without the lowest and the highest quarter.

    A quarter is rounded down, so that of three scores none is left out.

    >>> float(iqm(np.array([8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 700.0])))
    4.5
    """
    n = scores.shape[-1]
    cut = n // 4
    return np.sort(scores, axis=-1)[..., cut : n - cut].mean(axis=-1)


def bootstrap_interval(
    strata: Sequence[np.ndarray],
    statistic: Callable[[np.ndarray], np.ndarray] = mean,
    *,
    rng: np.random.Generator,
    repetitions: int = REPETITIONS,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """Percentile interval of a statistic: seeds are drawn anew within each task, tasks are fixed.

    Args:
        strata: One array of scores per task, a score per seed.
        statistic: Takes scores (repetitions, N), N over all tasks, to one number for each repetition.
        rng: Draws the seeds.
        repetitions: Bootstrap samples.
        level: Nominal coverage. With few seeds the true one is lower.

    Returns:
        Lower and upper end; None where no task has two seeds, for then there is nothing to draw.
    """
    if max(map(len, strata)) < 2:
        return None
    drawn = [scores[rng.integers(len(scores), size=(repetitions, len(scores)))] for scores in strata]
    values = statistic(np.concatenate(drawn, axis=1))  # (repetitions,)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_interval(before: np.ndarray, after: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of the mean difference between two agents' scores, one of each per seed.

    Args:
        before: Scores (n,).
        after: Scores (n,) with the same seeds, of the same examples, so that what a seed brings to both falls out.
        level: Nominal coverage.

    Returns:
        Lower and upper end; None with fewer than two seeds.

    >>> low, high = paired_interval(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.4, 0.3]))
    >>> round(low, 3), round(high, 3)
    (-0.148, 0.348)
    """
    differences = after - before
    n = len(differences)
    if n < 2:
        return None
    half = float(stdtrit(n - 1, (1 + level) / 2) * differences.std(ddof=1) / n**0.5)
    return float(differences.mean()) - half, float(differences.mean()) + half


def normalise(scores: np.ndarray, zero: float, one: float) -> np.ndarray | None:
    """Scores on a scale from ``zero`` to ``one``; None where ``one`` is not above ``zero``."""
    return (scores - zero) / (one - zero) if one > zero else None

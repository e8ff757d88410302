"""Statistics of scores that come of seeds and of test examples: means, interquartile means, differences, intervals.

Every seed is tested on the same examples, so that the two are crossed and neither lies within the other. What a score
would be with other seeds, and what with other examples, are two variances, and they are added:

- A mean's are those of clustered standard errors, once with the seeds and once with the examples as clusters (Cameron,
  Gelbach and Miller, 2011, "Robust Inference With Multiway Clustering"; Miller, 2024, "Adding Error Bars to Evals").
  What they subtract, the variance of single texts that both sums have in them, stays in: it costs little, and without
  it the sum could be negative.
- An interquartile mean's are drawn: seeds anew within each task, then its test examples anew, the same ones for all of
  its seeds (Owen, 2007, "The Pigeonhole Bootstrap"; Agarwal et al., 2021, "Deep Reinforcement Learning at the Edge of
  the Statistical Precipice", draws seeds alone).

Intervals are Student's, each variance with one degree of freedom less than it has clusters, and their sum with
Satterthwaite's (1946, "An Approximate Distribution of Estimates of Variance Components"). Percentiles of a bootstrap
cover less: between the least and the greatest of three seeds lies the truth in three cases of four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtr, stdtrit

REPETITIONS = 2_000  # of which a standard error is known to 1.6 %
LEVEL = 0.95
Interval = tuple[float, float]
Variance = tuple[float, float]  # and its degrees of freedom


@dataclass(frozen=True)
class Scores:
    """What an agent got on a task; of two agents, the differences, which pair seeds and examples.

    Attributes:
        by_seed: Of each seed, the mean over test examples, float (S,).
        by_example: Of each test example, the mean over the seeds whose texts are kept, float (I,); empty where none
            are, and then nothing is known of other examples.

    >>> Scores(np.array([0.5, 0.75]), np.array([1.0, 0.25])) - Scores(np.array([0.25, 0.5]), np.array([0.5, 0.25]))
    Scores(by_seed=array([0.25, 0.25]), by_example=array([0.5, 0. ]))
    """

    by_seed: np.ndarray
    by_example: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, table: np.ndarray) -> Scores:
        """Those of a table, float (S, I), a seed in each row."""
        return cls(table.mean(axis=1), table.mean(axis=0))

    def __sub__(self, other: Scores) -> Scores:
        """Differences of the same seeds and examples; of examples, only where both have them."""
        both = len(self.by_example) == len(other.by_example)
        by_example = self.by_example - other.by_example if both else np.empty(0)
        return Scores(self.by_seed - other.by_seed, by_example)

    def normalised(self, zero: float, one: float) -> Scores | None:
        """The same on a scale from ``zero`` to ``one``; None where ``one`` is not above ``zero``."""
        if one <= zero:
            return None
        return Scores((self.by_seed - zero) / (one - zero), (self.by_example - zero) / (one - zero))


@dataclass(frozen=True)
class Estimate:
    """A figure and how sure it is.

    Attributes:
        value: The figure.
        error: Its standard error.
        freedom: Degrees of freedom of Student's t.
    """

    value: float
    error: float
    freedom: float

    def interval(self, level: float = LEVEL) -> Interval:
        """Lower and upper end, of a nominal coverage."""
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * self.error if self.error else 0.0
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """How probable a value at least as far from 0 is where the truth is 0."""
        if not self.error:
            return float(self.value == 0)
        return 2 * float(stdtr(self.freedom, -abs(self.value) / self.error))


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


def estimate_mean(tasks: Sequence[Scores]) -> Estimate | None:
    """The mean over tasks, and over the seeds and test examples of each.

    Args:
        tasks: Of each task its scores. Tasks are fixed: others are not thought of.

    Returns:
        The estimate; None where a task has fewer than two seeds, for then nothing is known of others.

    >>> differences = Scores(np.array([0.2, 0.4, 0.3])) - Scores(np.array([0.1, 0.2, 0.3]))
    >>> tuple(round(end, 3) for end in estimate_mean([differences]).interval())
    (-0.148, 0.348)
    """
    if any(len(scores.by_seed) < 2 for scores in tasks):
        return None
    levels = [level for scores in tasks for level in (scores.by_seed, scores.by_example) if len(level) > 1]
    variances = [(level.var(ddof=1) / len(level) / len(tasks) ** 2, len(level) - 1) for level in levels]
    return _estimate(float(np.mean([scores.by_seed.mean() for scores in tasks])), variances)


def estimate_iqm(
    tasks: Sequence[Scores], *, rng: np.random.Generator, repetitions: int = REPETITIONS
) -> Estimate | None:
    """The interquartile mean of all seeds' scores on all tasks.

    Args:
        tasks: Of each task its scores. Tasks are fixed.
        rng: Draws the seeds and examples.
        repetitions: How often they are drawn.

    Returns:
        The estimate; None where a task has fewer than two seeds.
    """
    if any(len(scores.by_seed) < 2 for scores in tasks):
        return None
    measured = np.concatenate([scores.by_seed for scores in tasks])  # (N,)
    variances, first = [], 0
    for scores in tasks:
        n, k = len(scores.by_seed), len(scores.by_example)
        own = slice(first, first + n)
        drawn = np.tile(measured, (repetitions, 1))  # (repetitions, N)
        drawn[:, own] = scores.by_seed[rng.integers(n, size=(repetitions, n))]
        variances.append((iqm(drawn).var() * n / (n - 1), n - 1))  # seeds drawn of n vary too little by that much
        if k > 1:
            means = scores.by_example[rng.integers(k, size=(repetitions, k))].mean(axis=1)  # (repetitions,)
            drawn[:, own] = scores.by_seed + (means - scores.by_example.mean())[:, None]
            variances.append((iqm(drawn).var() * k / (k - 1), k - 1))
        first += n
    return _estimate(float(iqm(measured)), variances)


def holm(p_values: Sequence[float]) -> list[float]:
    """What remains of p-values where several are looked at (Holm, 1979, "A Simple Sequentially Rejective Procedure").

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(np.argsort(p_values, kind="stable").tolist()):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = least
    return adjusted


def _estimate(value: float, variances: Sequence[Variance]) -> Estimate:
    total = sum(variance for variance, _ in variances)
    uncertain = sum(variance**2 / freedom for variance, freedom in variances)
    return Estimate(value, float(total) ** 0.5, float(total**2 / uncertain) if uncertain else np.inf)

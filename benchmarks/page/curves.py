"""Charts of rows of the board: learning curves, over-optimisation, and what a score costs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks import report
from benchmarks.page.charts import Axis, Band, Chart, Look, Point, Series

TOKENS = 0  # of a point of a curve, as `report.SCORE` and `report.KL`
Looks = Mapping[str, Look]  # by agent


def mean_curve(row: report.Row) -> np.ndarray | None:
    """An agent's learning curve, of each rollout that all finished seeds have.

    Returns:
        Mean, lowest and highest over seeds: (3, rollouts, 4); None where no seed has a curve.
    """
    curves = [np.array(result["curve"]) for result in row.finished if result["curve"]]  # (rollouts, 4) each
    if not curves:
        return None
    shared = min(map(len, curves))  # seeds that were stopped by the clock have curves of different lengths
    stacked = np.stack([curve[:shared] for curve in curves])  # (seeds, rollouts, 4)
    return np.stack([stacked.mean(axis=0), stacked.min(axis=0), stacked.max(axis=0)])


def learning(rows: Sequence[report.Row], looks: Looks, column: int, label: str, title: str) -> Chart | None:
    """A column of the learning curves of one task's rows over generated tokens; None where there are none."""
    series, told = [], []
    for row in rows:
        curve = mean_curve(row)
        if curve is None:
            continue
        middle, low, high = curve
        points = [Point(*point) for point in middle[:, [TOKENS, column]].tolist()]
        columns = np.column_stack([middle[:, TOKENS], low[:, column], high[:, column]])
        series.append(Series(row.agent, looks[row.agent], points, [Band(*band) for band in columns.tolist()]))
        first, last = points[0], points[-1]
        told.append(
            f"{row.agent}, n = {len(row.finished)}: {first.y:.3g} at {first.x:,.0f} tokens, {last.y:.3g} at "
            f"{last.x:,.0f}, where seeds lie between {low[-1, column]:.3g} and {high[-1, column]:.3g}"
        )
    if not series:
        return None
    values = [value for one in series for band in one.band for value in (band.low, band.high)]
    ends = [point.x for one in series for point in one.points]
    x, y = Axis("generated tokens", 0, 1.04 * max(ends)), Axis.around(label, values)
    return Chart(title, ". ".join(told) + ".", x, y, series)


def over_optimisation(rows: Sequence[report.Row], looks: Looks, title: str) -> Chart | None:
    """Reward (full markers) and gold (empty ones) against the divergence; None where no agent's is known.

    Learners come with the way that they went: reward against divergence in training.
    """
    series, told = [], []
    for row in rows:
        kl, gold = (row.mean(name) if row.complete else None for name in ("kl", "gold"))
        if kl is None or gold is None:
            continue
        look, reward = looks[row.agent], float(row.scores.mean())
        curve = mean_curve(row)
        if curve is not None:
            way = [Point(*point) for point in curve[0][:, [report.KL, report.SCORE]].tolist()]
            series.append(Series(row.agent, look, way))
        series.append(Series(row.agent, look, [Point(kl, reward)], line=False))
        series.append(Series(row.agent, look, [Point(kl, gold)], line=False, hollow=True))
        told.append(f"{row.agent}, n = {len(row.finished)}: KL {kl:.1f}, reward {reward:.3f}, gold {gold:.3f}")
    if not series:
        return None
    points = [point for one in series for point in one.points]
    x = Axis.around("KL to the reference model, nats per completion", [p.x for p in points], zero=True)
    return Chart(title, ". ".join(told) + ".", x, Axis.around("score", [p.y for p in points]), series)


def frontier(points: Mapping[str, Point], looks: Looks, label: str, title: str) -> Chart | None:
    """Scores against a cost, and the line of those that nothing cheaper surpasses; None without any.

    Args:
        points: Cost, above 0, and score by agent.
        looks: By what each is known.
        label: What the cost is.
        title: What the chart shows.
    """
    if not points:
        return None
    best = [points[name] for name in surpassing(points)]
    steps = [step for a, b in itertools.pairwise(best) for step in (Point(b.x, a.y), b)]
    x = Axis.around(label, [p.x for p in points.values()], logarithmic=True)
    y = Axis.around("normalised score (IQM)", [p.y for p in points.values()])
    line = Series("not surpassed by anything cheaper", FRONTIER, [best[0], *steps, Point(x.high, best[-1].y)])
    told = [f"{name}: {point.y:.2f} for {point.x:,.0f}" for name, point in points.items()]
    series = [line, *(Series(name, looks[name], [point], line=False) for name, point in points.items())]
    return Chart(title, ". ".join(told) + ".", x, y, series)


FRONTIER = Look(-1, "", 0)


def surpassing(points: Mapping[str, Point]) -> list[str]:
    """Those whose score is above that of everything as cheap, the cheapest first.

    >>> surpassing({"a": Point(1, 0.5), "b": Point(2, 0.4), "c": Point(3, 0.9), "d": Point(3, 0.8)})
    ['a', 'c']
    """
    found: list[str] = []
    for name in sorted(points, key=lambda name: (points[name].x, -points[name].y)):
        if not found or points[name].y > points[found[-1]].y:
            found.append(name)
    return found

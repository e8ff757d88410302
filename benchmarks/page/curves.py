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
    series, seeds = [], []
    for row in rows:
        curve = mean_curve(row)
        if curve is None:
            continue
        middle, low, high = curve
        points = [Point(*point) for point in middle[:, [TOKENS, column]].tolist()]
        columns = np.column_stack([middle[:, TOKENS], low[:, column], high[:, column]]).tolist()
        seeds.append(len(row.finished))
        first, last = points[0], points[-1]
        words = (
            f"{row.agent}, n = {seeds[-1]}: {first.y:.3g} at {first.x:,.0f} tokens, {last.y:.3g} at {last.x:,.0f}, "
            f"where seeds lie between {low[-1, column]:.3g} and {high[-1, column]:.3g}"
        )
        band = [Band(*between) for between in columns]
        series.append(Series(row.agent, looks[row.agent], points, [last], band, words=words))
    if not series:
        return None
    values = [value for one in series for between in one.band for value in (between.low, between.high)]
    ends = [point.x for one in series for point in one.line]
    x, y = Axis("generated tokens", 0, 1.04 * max(ends)), Axis.around(label, values)
    return Chart(f"{title}, {n_text(seeds)}", x, y, series)


def over_optimisation(rows: Sequence[report.Row], looks: Looks, starts: Mapping[str, str], title: str) -> Chart | None:
    """Mean reward (full markers) and gold (empty ones) against the divergence, with lines from where training started.

    Args:
        rows: One task's.
        looks: By what agents are known.
        starts: By agent, from which other one its training starts, if it learns from rewards.
        title: What the chart shows.

    Returns:
        The chart; None where no agent's divergence is known.
    """
    measured = {row.agent: row for row in rows if row.complete and None not in (row.mean("kl"), row.mean("gold"))}
    series = []
    for name, row in measured.items():
        start = measured.get(starts.get(name, ""))
        for metric, hollow in (("gold", True), ("return", False)):
            line = [center(one, metric) for one in (start, row) if one is not None]
            kl, score = line[-1]
            words = f"{name}, n = {len(row.finished)}: KL {kl:.1f}, {'gold' if hollow else 'reward'} {score:.3f}"
            series.append(Series(name, looks[name], line, line[-1:], hollow=hollow, named=not hollow, words=words))
    if not series:
        return None
    points = [point for one in series for point in one.marks]
    x = Axis.around("KL to the reference model, nats per completion", [p.x for p in points], zero=True)
    y = Axis.around("full: reward, empty: gold", [p.y for p in points])
    seeds = n_text([len(row.finished) for row in measured.values()])
    return Chart(f"{title}, {seeds}", x, y, series)


def center(row: report.Row, metric: str) -> Point:
    """The mean divergence and the mean of a metric."""
    kl, score = row.mean("kl"), row.mean(metric)
    assert kl is not None and score is not None
    return Point(kl, score)


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
    line = Series("not surpassed by anything cheaper", NOBODY, [best[0], *steps, Point(x.high, best[-1].y)])
    found = [
        Series(name, looks[name], marks=[point], named=True, words=f"{name}: {point.y:.2f} for {point.x:,.0f}")
        for name, point in points.items()
    ]
    return Chart(title, x, y, [line, *found])


NOBODY = Look(-1, "", 0)  # of what is no agent's


def n_text(seeds: Sequence[int]) -> str:
    """How many seeds there are of each.

    >>> n_text([3, 3]), n_text([5, 3]), n_text([1])
    ('n = 3 seeds', 'n = 3 to 5 seeds', 'n = 1 seed')
    """
    least, most = min(seeds), max(seeds)
    return f"n = {least} seed{'s' * (least != 1)}" if least == most else f"n = {least} to {most} seeds"


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

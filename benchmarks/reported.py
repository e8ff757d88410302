"""What agents and suites give, checked where it is taken: results hold strict JSON and nothing else."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from benchmarks.results_io import CURVE
from textgym.errors import ConfigurationError, shown

DEEPEST = 20  # levels of lists and dicts: a value may contain itself


def plain(value: Any, name: str, depth: int = 0) -> Any:
    """A value as strict JSON has it; numpy's numbers become Python's, tuples lists.

    Args:
        value: What was given.
        name: What messages call it.
        depth: Levels above it.

    Raises:
        ConfigurationError: It is something else, such as NaN, a path or an object.
    """
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()  # what is no Unicode cannot be stored
    if isinstance(value, Integral) and abs(int(value)) < 2**63:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral) and math.isfinite(value):
        return float(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple) and depth < DEEPEST:
        return [plain(held, f"{name}[{i}]", depth + 1) for i, held in enumerate(value)]
    if isinstance(value, dict) and depth < DEEPEST and all(isinstance(key, str) for key in value):
        return {plain(key, name): plain(held, f"{name}[{key!r}]", depth + 1) for key, held in value.items()}
    raise ConfigurationError(
        f"{name} is {shown(value)}. Give texts, finite numbers, booleans, None, or lists and dicts of them."
    )


def count(value: Any, name: str) -> int:
    """A number of tokens.

    Raises:
        ConfigurationError: It is no whole number from 0 on.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < 0:
        raise ConfigurationError(f"{name} is {shown(value)}. Give a whole number from 0 on.")
    return int(value)


def seconds(value: Any, name: str) -> float:
    """A number of seconds.

    Raises:
        ConfigurationError: It is no finite number from 0 on.
    """
    numeric = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not numeric or not 0 <= value < 2**63:
        raise ConfigurationError(f"{name} is {shown(value)}. Give a number of seconds from 0 on.")
    return float(value)


def curve(value: Any) -> list[list[float]]:
    """A learning curve: points of four numbers, in the order of their tokens.

    Raises:
        ConfigurationError: It is something else.
    """
    points = plain([*value] if isinstance(value, list | tuple | np.ndarray) else value, "the agent's curve")
    for i, point in enumerate(points if isinstance(points, list) else [points]):
        if not isinstance(point, list) or len(point) != CURVE or not all(type(v) in (int, float) for v in point):
            raise ConfigurationError(
                f"The agent's curve[{i}] is {shown(point)}. Give (tokens, seconds, score, kl), four finite numbers."
            )
    return points

"""The data set ``arithmetic``, made on the spot: sums, differences and products with their steps.

A problem's split depends on its numbers alone, so that no sum of the test split, in either order, is trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from textgym.data.hashing import fraction

LARGEST = 99  # of the terms of a sum or difference
LARGEST_FACTOR = 12
SHARES = {"test": 0.1, "validation": 0.05}


def rows(split: str) -> list[dict[str, Any]]:
    """The split's problems in a random order: ``prompt``, ``reference`` (steps and answer), ``answer`` and ``kind``."""
    problems = [row for row in _problems() if _split(row["key"]) == split]
    problems.sort(key=lambda row: fraction("order:" + row["prompt"]))
    return [{name: value for name, value in row.items() if name != "key"} for row in problems]


def _split(key: str) -> str:
    where = fraction("arithmetic:" + key)
    if where < SHARES["test"]:
        return "test"
    return "validation" if where < SHARES["test"] + SHARES["validation"] else "train"


def _problems() -> Iterator[dict[str, Any]]:
    for a, b in product(range(1, LARGEST + 1), repeat=2):
        key = f"{min(a, b)} and {max(a, b)}"
        yield _problem(f"{a} + {b}", a + b, _addition(a, b), "sum", key)
        if a >= b:
            yield _problem(f"{a} - {b}", a - b, [f"{a} - {b} = {a - b}"], "difference", key)
        if max(a, b) <= LARGEST_FACTOR:
            yield _problem(f"{a} * {b}", a * b, [f"{a} * {b} = {a * b}"], "product", key)


def _problem(expression: str, answer: int, steps: list[str], kind: str, key: str) -> dict[str, Any]:
    reference = f"{', '.join(steps)}. Answer: {answer}"
    return {"prompt": f"What is {expression}?", "reference": reference, "answer": str(answer), "kind": kind, "key": key}


def _addition(a: int, b: int) -> list[str]:
    """Ones, tens, and both together; one step where there are no tens to add."""
    ones, tens = a % 10 + b % 10, a // 10 * 10 + b // 10 * 10
    if not tens:
        return [f"{a} + {b} = {a + b}"]
    return [f"{a % 10} + {b % 10} = {ones}", f"{a // 10 * 10} + {b // 10 * 10} = {tens}", f"{tens} + {ones} = {a + b}"]

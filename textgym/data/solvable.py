"""The data sets ``solvable`` and ``solvable_constant``: so few prompts that all their completions can be enumerated."""

from __future__ import annotations

from itertools import product
from typing import Any

TRAIN = ("ab", "cd", "ef", "fa")
HELD_OUT = tuple(prompt for prompt in map("".join, product("abcdef", repeat=2)) if prompt not in TRAIN)
PROMPTS = {"train": TRAIN, "validation": HELD_OUT[::2], "test": HELD_OUT[1::2]}
CONSTANT = "bead"


def conditional(split: str) -> list[dict[str, Any]]:
    """Prompts of two letters; the reference is the prompt backwards, twice."""
    return [{"prompt": prompt, "reference": prompt[::-1] * 2} for prompt in PROMPTS[split]]


def constant(split: str) -> list[dict[str, Any]]:
    """The same prompts; the reference is one word, whatever the prompt."""
    return [{"prompt": prompt, "reference": CONSTANT} for prompt in PROMPTS[split]]

"""The data set ``reasoning_gym``: the problems of `textgym.data.reasoning_gym.DEFAULT`.

They are kept because the package takes longer to import than an environment may take to make.
"""

from __future__ import annotations

from typing import Any

from textgym.data import reasoning_gym
from textgym.data.datasets import SPLITS


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split."""
    return {split: reasoning_gym.rows(split, reasoning_gym.DEFAULT) for split in SPLITS}

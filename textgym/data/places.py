"""Where rows are, as messages call them: lines of a file, or indices of what is in no file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

SEVERAL = {"index": "indices", "line": "lines", "row": "rows"}
SHOWN = 8  # places that a message names


@dataclass(frozen=True)
class Places:
    """Where the rows of a table are, one number a row.

    >>> Places("line", [2, 3, 5]).one(2), Places("line", [2, 3, 5]).listed([0, 2])
    ('line 5', 'lines 2, 5')

    Attributes:
        unit: What the numbers count, one of `SEVERAL`.
        numbers: A number for each row.
    """

    unit: str
    numbers: Sequence[int]

    def one(self, row: int) -> str:
        """For example ``line 3``."""
        return f"{self.unit} {self.numbers[row]}"

    def listed(self, rows: Sequence[int]) -> str:
        """For example ``lines 3, 7``, of many rows the first."""
        numbers = ", ".join(str(self.numbers[row]) for row in rows[:SHOWN])
        more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
        return f"{SEVERAL[self.unit] if len(rows) > 1 else self.unit} {numbers}{more}"


INDICES = Places("index", range(sys.maxsize))  # of as many rows as there may be

"""Published results in the formats of others: one module a format, and here what they share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from benchmarks import aggregate
from benchmarks.report import Row

BY_EXAMPLE = {"return": "return", "gold": "gold"}  # of the metrics, those that a record of an example has, too
HIGHER_IS_BETTER = {"return": True, "gold": True, "kl": False, "perplexity": False, "invalid_words": False}
METHOD = "seeds and test examples as clusters, Student's t"


def complete(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of which every seed has finished, by agent; nothing else is exported."""
    found = [row for row in rows if row.complete]
    return {name: [row for row in found if row.agent == name] for name in dict.fromkeys(row.agent for row in found)}


def ended(rows: Sequence[Row]) -> datetime:
    """When the last run ended."""
    return max(datetime.fromisoformat(result["ended"]) for row in rows for result in row.finished)


def metrics(row: Row) -> dict[str, float]:
    """Every metric's mean over seeds."""
    names = dict.fromkeys(name for result in row.finished for name in result["metrics"])
    return {name: value for name in names if (value := row.mean(name)) is not None}


def estimate(row: Row, metric: str) -> aggregate.Estimate | None:
    """How sure a metric is, for other seeds and examples; None where a record of an example does not have it."""
    if metric not in BY_EXAMPLE or row.mean(metric) is None:
        return None
    by_seed = np.array([result["metrics"][metric] for result in row.finished])
    tables = [[record[BY_EXAMPLE[metric]] for record in records] for records in row.examples.values()]
    return aggregate.estimate_mean([aggregate.Scores(by_seed, np.mean(tables, axis=0) if tables else np.empty(0))])


def by_prompt(row: Row) -> list[list[dict[str, Any]]]:
    """The records of each test example, one of each seed whose texts are kept."""
    return [list(records) for records in zip(*row.examples.values(), strict=True)]


def references(record: dict[str, Any]) -> list[str]:
    """What people wrote."""
    reference = record["reference"]
    return [] if reference is None else [reference] if isinstance(reference, str) else list(reference)


def sha256(content: Any) -> str:
    """The hash of a text, or of JSON."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def as_json(content: Any) -> str:
    """A file's text."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_lines(records: Sequence[Any]) -> str:
    """JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)

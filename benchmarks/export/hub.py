"""As the Hugging Face Hub shows results: ``<agent>/.eval_results/<suite>.yaml``, for a model's repository.

The format is that of https://huggingface.co/docs/hub/eval-results. The Hub shows them on a model's page, and on the
leaderboard of a data set that is registered there as a benchmark under the name that they give.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.export import complete, ended, estimate
from benchmarks.report import Row, interval_text
from benchmarks.results_io import write_atomic
from benchmarks.suite import Suite

DATASET = "textgym"  # the organisation whose data sets the tasks are


def write(suite: Suite, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write every agent's results; returns the files."""
    files = {
        folder / agent / ".eval_results" / f"{suite.name}.yaml": "".join(entry(row) for row in own)
        for agent, own in complete(rows).items()
    }
    for path, text in files.items():
        write_atomic(path, text)
    return list(files)


def entry(row: Row) -> str:
    """A task's score, in YAML, of which JSON's texts are a part."""
    dataset = row.finished[0].get("env", {}).get("kwargs", {}).get("dataset")
    sure = estimate(row, "return")
    interval = interval_text(None if sure is None else sure.interval())
    notes = f"mean return of {len(row.finished)} seeds, 95 % interval {interval}"
    if (gold := row.mean("gold")) is not None:
        notes += f"; by a judge that nothing is trained on {gold:.3f}"
    return (
        "- dataset:\n"
        f"    id: {json.dumps(f'{DATASET}/{dataset}')}\n"
        f"    task_id: {json.dumps(row.env_id)}\n"
        f"  value: {row.mean('return')!r}\n"
        f"  date: {json.dumps(ended([row]).isoformat())}\n"
        f"  notes: {json.dumps(notes)}\n"
    )

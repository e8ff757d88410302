"""Every test example of every run as a row of ``<suite>.parquet``, as far as the texts are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.export import complete, references
from benchmarks.report import Row
from benchmarks.suite import Suite
from textgym.errors import MissingPackageError


def write(suite: Suite, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write the file; returns it.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingPackageError(
            "Parquet files are written by pyarrow. Install it with: pip install pyarrow"
        ) from error
    texts, numbers = ("prompt", "completion", "finish_reason"), ("return", "gold", "kl", "reference_log_prob")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("suite", "env_id", "agent")),
            *((name, pa.int64()) for name in ("seed", "index", "length")),
            *((name, pa.string()) for name in texts),
            ("reference", pa.list_(pa.string())),
            *((name, pa.float64()) for name in numbers),
            *((name, pa.map_(pa.string(), pa.float64())) for name in ("rewards", "metrics")),
        ]
    )
    lines = [
        {name: record.get(name) for name in ("index", "length", *texts, *numbers)}
        | {"suite": suite.name, "env_id": row.env_id, "agent": row.agent, "seed": seed}
        | {"reference": references(record)}
        | {name: list(record[name].items()) for name in ("rewards", "metrics")}
        for own in complete(rows).values()
        for row in own
        for seed, records in row.examples.items()
        for record in records
    ]
    path = folder / f"{suite.name}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(lines, schema=schema), path)
    return [path]

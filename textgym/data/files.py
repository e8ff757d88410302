"""Rows out of JSONL, CSV and Parquet files, with errors that name the file and the line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

from textgym.errors import DatasetError, MissingPackageError

FORMATS = (".jsonl", ".jsonl.gz", ".csv", ".parquet")


def format_of(path: Path) -> str | None:
    """The format that a file's name tells, None if it is none of `FORMATS`."""
    return next((suffix for suffix in FORMATS if path.name.lower().endswith(suffix)), None)


def data_files(folder: Path, prefix: str = "") -> list[Path]:
    """The files of a folder that `read` can read, sorted by name."""
    return sorted(path for path in folder.glob(f"{prefix}*") if path.is_file() and format_of(path))


def read(path: Path) -> list[dict[str, Any]]:
    """Read all rows of a file.

    Raises:
        DatasetError: Its format is unknown, or it is not what its name says; names the line.
        MissingPackageError: A Parquet file, and pyarrow is not installed.
    """
    match format_of(path):
        case ".jsonl" | ".jsonl.gz":
            return read_jsonl(path)
        case ".csv":
            return read_csv(path)
        case ".parquet":
            return read_parquet(path)
    raise DatasetError(f"{path} has none of the known formats {', '.join(FORMATS)}. Convert it, and name it so.")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """One JSON object per line; the file may be gzipped."""
    rows = []
    text = _text(path).rstrip()
    # not splitlines(): JSON strings may hold U+2028, which that takes for the end of a line
    for number, line in enumerate(text.split("\n") if text else [], start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise DatasetError(f"{path}, line {number}: not JSON ({error.msg}): {line[:80]!r}.") from error
    return rows


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Comma-separated values with a header line; a value that a row lacks is None."""
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    rows = []
    try:
        for row in reader:
            if None in row:
                raise DatasetError(f"{path}, line {reader.line_num}: more values than the header has columns.")
            rows.append(row)
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.reader.line_num}: not CSV ({error}).") from error
    return rows


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """A Parquet file, through pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError(f"{path} is read by pyarrow. Install it with: pip install pyarrow") from error
    try:
        return pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # what is damaged decides which
        raise DatasetError(f"{path}: not a Parquet file, or a damaged one ({error}). Write it again.") from error


def _text(path: Path) -> str:
    """A file's text, without the byte order mark that some spreadsheets write."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DatasetError(f"{path}, line {line}: not UTF-8 ({error.reason}). Save the file as UTF-8.") from error

"""Rows out of JSONL, CSV and Parquet files, with errors that name the file and the line."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from textgym.errors import DatasetError, MissingPackageError

LONGEST_FIELD = 2**31 - 1  # the largest limit that every system takes


def format_of(path: Path) -> str | None:
    """The format that a file's name tells, None if it is none of `READERS`."""
    return next((suffix for suffix in READERS if path.name.lower().endswith(suffix)), None)


def data_files(folder: Path, prefix: str = "") -> list[Path]:
    """The files of a folder that `read` can read, sorted by name."""
    return sorted(path for path in folder.glob(f"{prefix}*") if path.is_file() and format_of(path))


def unit_of(path: Path) -> str:
    """What the numbers of its rows count, a name of `textgym.data.places.SEVERAL`."""
    return "row" if format_of(path) == ".parquet" else "line"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, as `numbered` has them."""
    for _, row in numbered(path):
        yield row


def numbered(path: Path) -> Iterator[tuple[int, Any]]:
    """The number and the row, one after another: the file is never in memory as a whole.

    Raises:
        DatasetError: Its format is unknown, it is not what its name says, or a row is there twice; names the line.
        MissingPackageError: A Parquet file, and pyarrow is not installed.
    """
    reader = READERS.get(format_of(path) or "")
    if reader is None:
        raise DatasetError(f"{path} has none of the known formats {', '.join(READERS)}. Convert it, and name it so.")
    seen: dict[int, int] = {}  # by hash: the rows themselves would be kept twice
    for number, row in reader(path):
        first = seen.setdefault(hash(repr(row)), number)
        if first != number:
            unit = unit_of(path)
            raise DatasetError(f"{path}, {unit} {number}: the same row as {unit} {first}. Remove one of them.")
        yield number, row


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """The number of each line that is not blank and its JSON value; the file may be gzipped."""
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:  # of numbers with thousands of digits, and of deep nesting
            raise DatasetError(f"{path}, line {number}: not JSON ({error}): {line.strip()[:80]!r}.") from error


def read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each row's last line and the row, by the names in the header; a value that it lacks is None."""
    reader = csv.DictReader(_lines(path), strict=True)
    try:
        names = reader.fieldnames or ()
        if twice := [name for name in names if names.count(name) > 1]:
            raise DatasetError(f"{path}, line 1: two columns are called {twice[0]!r}. Rename one.")
        while (row := _next_row(reader)) is not None:
            if None in row:
                raise DatasetError(f"{path}, line {reader.line_num}: more values than the header has columns.")
            yield reader.line_num, row
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.reader.line_num}: not CSV ({error}).") from error


def _next_row(reader: csv.DictReader[str]) -> dict[Any, Any] | None:
    """The next row, None behind the last, of fields as long as they may be.

    The limit, 131,072 characters, is the whole process's: it is put back after every row.
    """
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(limit)


def read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each row, from 1, and the row, through pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError(f"{path} is read by pyarrow. Install it with: pip install pyarrow") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            batches = (batch.to_pylist() for batch in file.iter_batches(batch_size=256))
            yield from enumerate(chain.from_iterable(batches), start=1)
    except OverflowError as error:  # a date behind the year 9999, which Python does not have
        raise DatasetError(f"{path}: a value that Python cannot hold ({error}). Write the column as text.") from error
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # what is damaged decides which
        raise DatasetError(f"{path}: not a Parquet file, or a damaged one ({error}). Write it again.") from error


def _lines(path: Path) -> Iterator[str]:
    """A file's lines, without the byte order mark that some spreadsheets write.

    Only a line feed ends one: JSON strings may hold U+2028, which Python's text files take for an end too.
    """
    number = 0
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}, line {number}: not UTF-8 ({error.reason}). Save the file as UTF-8.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}.") from error


READERS: dict[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
    ".csv": read_csv,
    ".parquet": read_parquet,
}

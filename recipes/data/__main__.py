"""Make embedded data sets again: ``python -m recipes.data [NAME ...]``, all by default (deterministic).

A data set's module, of its name, has a function ``build()`` that returns the rows of each split.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import recipes.data
from textgym.data.datasets import ASSETS, SPLITS
from textgym.data.hashing import fraction

logger = logging.getLogger("recipes.data")

NAMES = sorted(module.name for module in pkgutil.iter_modules(recipes.data.__path__) if module.name[0] != "_")


def build(name: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each split, in a random order that depends on them alone.

    However they were chosen, the first n are then a fair sample.
    """
    splits = import_module(f"recipes.data.{name}").build()
    return {split: sorted(splits[split], key=lambda row: fraction("line:" + line(row))) for split in SPLITS}


def line(row: dict[str, Any]) -> str:
    """A row as it is stored."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def write(name: str, folder: Path = ASSETS) -> None:
    """Write a data set's three files, gzipped JSON lines; nothing is written unless all of it could be made."""
    for split, rows in build(name).items():
        path = folder / f"{name}-{split}.jsonl.gz"
        # no time: the same rows, the same file
        path.write_bytes(gzip.compress("".join(map(line, rows)).encode(), mtime=0))
        logger.info("%s: %d rows, %.0f KB", path.name, len(rows), path.stat().st_size / 1000)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*NAMES, []], help=", ".join(NAMES))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in arguments.names or NAMES:
        write(name)


if __name__ == "__main__":
    main()

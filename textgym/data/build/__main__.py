"""Make embedded data sets again: ``python -m textgym.data.build [NAME ...]``, all by default (deterministic).

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

import textgym.data.build
from textgym.data.datasets import ASSETS, SPLITS

logger = logging.getLogger("textgym.data.build")

NAMES = sorted(module.name for module in pkgutil.iter_modules(textgym.data.build.__path__) if module.name[0] != "_")


def write(name: str, folder: Path = ASSETS) -> None:
    """Write a data set's three files, gzipped JSON lines; nothing is written unless all of it could be made."""
    splits = import_module(f"textgym.data.build.{name}").build()
    for split in SPLITS:
        lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in splits[split])
        path = folder / f"{name}-{split}.jsonl.gz"
        path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))  # no time: the same rows, the same file
        logger.info("%s: %d rows, %.0f KB", path.name, len(splits[split]), path.stat().st_size / 1000)


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

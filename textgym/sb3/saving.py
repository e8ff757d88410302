"""Saving that a killed process cannot spoil: everything is written beside its place and then moved there."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm


def save(model: BaseAlgorithm, path: str | Path) -> Path:
    """What ``model.save(path)`` does, but an old file stays whole until the new one is.

    SB3 empties the old file first, so that a process killed in between leaves neither. To load it is SB3's own matter:
    ``PPO.load(path)``. That unpickles what the file holds, which may run any code: load only files that you trust.

    Args:
        model: A model of SB3.
        path: Where to; ``.zip`` is added to a name without a suffix.

    Returns:
        The file's path.
    """
    path = Path(path)
    path = path if path.suffix else path.with_name(f"{path.name}.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        with beside.open("xb") as file:
            model.save(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


@contextmanager
def replacing(folder: str | Path) -> Iterator[Path]:
    """An empty folder beside; what is written into it moves into ``folder`` at the end, and replaces files there."""
    folder = Path(folder)
    beside = _beside(folder)
    beside.mkdir(parents=True)
    try:
        yield beside
        folder.mkdir(exist_ok=True)
        for file in beside.iterdir():
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(beside)


def _beside(path: Path) -> Path:
    """A hidden name next to a path, which no other process takes."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")

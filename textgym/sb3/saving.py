"""Saving that a killed process cannot spoil: everything is written beside its place and then moved there."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm

from textgym.errors import ConfigurationError

CONFIGURATIONS = ("config.json", "adapter_config.json")  # of a model, and of an adapter
TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "vocab.*", "merges.txt", "*.jinja")
# as transformers and PEFT write them
MODEL_FILES = (
    *CONFIGURATIONS, *TOKENIZER_FILES, "generation_config.json", "adapter_model.*", "*.safetensors",
    "*.safetensors.index.json", "pytorch_model*",
)  # fmt: skip


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
    with whole_file(path) as file:
        model.save(file)
    return path


@contextmanager
def whole_file(path: Path) -> Iterator[BufferedWriter]:
    """A new file beside another, which takes its place whole at the end, if nothing fails until then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a machine that loses power keeps the name, and not what is in it
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replacing(folder: str | Path) -> Iterator[Path]:
    """A new folder beside a model's, which takes its place whole at the end, if nothing fails until then.

    What is no file of a model, such as notes or logs, comes along; an older model's files do not. A process that is
    killed between the two renames leaves the old folder under a hidden name beside.

    Raises:
        ConfigurationError: ``folder`` is a file, or a folder that holds something, but no model.
    """
    folder = Path(folder).resolve()
    _refuse_what_is_no_model(folder)
    beside, old = _beside(folder), _beside(folder)
    beside.mkdir(parents=True)
    try:
        if folder.exists():
            shutil.copytree(folder, beside, ignore=shutil.ignore_patterns(*MODEL_FILES), dirs_exist_ok=True)
        yield beside
        if folder.exists():
            folder.replace(old)
        try:
            beside.replace(folder)
        except BaseException:
            if old.exists():
                old.replace(folder)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _refuse_what_is_no_model(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{str(folder)!r} is a file. Give the folder that the model is to be written to.")
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).is_file() for name in CONFIGURATIONS):
        raise ConfigurationError(
            f"The folder {str(folder)!r} is not empty, and holds no model ({' or '.join(CONFIGURATIONS)}). Give a new "
            "folder, or one with a model that is to be replaced."
        )


def _beside(path: Path) -> Path:
    """A hidden name next to a path, which no other process takes."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")

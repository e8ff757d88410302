"""Hyperparameters as data: an agent's file may have a TOML of the same name beside it, with a table for each task.

    [TextGen-Arithmetic-v0]
    chosen = "how: by which figure of the validation split, among what, with which seeds"
    total_tokens = 24_576  # the budget that they were chosen for
    hyperparameters = { learning_rate = 3e-5 }

The table ``default`` holds for the tasks that have none of their own. What no table names is as in the agent's
``Config``, and what a caller names goes before both.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textgym.errors import ConfigurationError, shown

DEFAULT = "default"


@dataclass(frozen=True)
class Settings:
    """What an agent does on a task unless it is told otherwise.

    Attributes:
        chosen: How the hyperparameters were chosen.
        total_tokens: The budget that they were chosen for.
        hyperparameters: Keywords of the agent's ``make_agent``.

    Raises:
        ConfigurationError: A field is of another type.
    """

    chosen: str
    total_tokens: int
    hyperparameters: dict[str, Any]

    def __post_init__(self) -> None:
        for name, kind in (("chosen", str), ("total_tokens", int), ("hyperparameters", dict)):
            if type(value := getattr(self, name)) is not kind:
                raise ConfigurationError(f"{name} is {shown(value)}. Give {kind.__name__}.")


def settings_of(file: str | Path, env_id: str) -> Settings | None:
    """The settings of an agent for a task, or None where it has none of its own.

    Args:
        file: The agent's Python file.
        env_id: The task.

    Raises:
        ConfigurationError: The TOML beside it cannot be read, or a table's fields are others than `Settings` has.
    """
    path = Path(file).with_suffix(".toml")
    if not path.is_file():
        return None
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        table = tables.get(env_id, tables.get(DEFAULT))
        return None if table is None else Settings(**table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"{path}, settings for {env_id}: {error} agents/_settings.py shows the form."
        ) from error


def settled(file: str | Path, env_id: str, overrides: dict[str, Any]) -> dict[str, Any]:
    """An agent's hyperparameters for a task, those that a caller names first; for the arguments see `settings_of`."""
    settings = settings_of(file, env_id)
    return (settings.hyperparameters if settings else {}) | overrides


def budget(file: str | Path, env_id: str) -> int:
    """The tokens that an agent's settings for a task were chosen for, 0 where it has none; see `settings_of`."""
    settings = settings_of(file, env_id)
    return settings.total_tokens if settings else 0

"""The exceptions that textgym raises for bad input: each names the value and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TextGymError(Exception):
    """Base class of every error that textgym raises on purpose."""


class UnknownNameError(TextGymError, KeyError):
    """A name that no registry knows.

    Args:
        kind: What was looked up, for example ``"reward"``.
        name: The name that was asked for.
        known: The names that exist.
        hint: One more sentence on what else is accepted.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        close = difflib.get_close_matches(str(name), known, n=1)
        suggestion = f"Did you mean {close[0]!r}? " if close else ""
        super().__init__(f"Unknown {kind} {name!r}. {suggestion}Known: {', '.join(known)}. {hint}".rstrip())

    def __str__(self) -> str:  # KeyError would show the repr of its message
        return str(self.args[0])


class MissingPackageError(TextGymError, ImportError):
    """An optional package that the asked-for data set, model or reward needs is not installed."""


class DatasetError(TextGymError, ValueError):
    """A data set that cannot be used: a column is missing, it is empty, or a value has the wrong type."""


class RewardError(TextGymError, ValueError):
    """A reward function that raised, or returned something other than one finite number or None per row."""


class ConfigurationError(TextGymError, ValueError):
    """Arguments that do not fit one another, such as a model and an environment with different vocabularies."""


class InvalidActionError(TextGymError, ValueError):
    """An action that is not a token id of the environment's vocabulary."""

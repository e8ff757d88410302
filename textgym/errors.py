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
        by_lower_case = {each.lower(): each for each in known}
        close = difflib.get_close_matches(str(name).lower(), by_lower_case, n=1)
        suggestion = f"Did you mean {by_lower_case[close[0]]!r}? " if close else ""
        listed = f"Known: {', '.join(known)}. " if known else ""
        super().__init__(f"Unknown {kind} {shown(name)}. {suggestion}{listed}{hint}".rstrip())

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


def shown(value: object, limit: int = 100) -> str:
    """What a message shows of a value, which may be a text of any length.

    >>> shown("the same again and again", limit=13)
    "'the same...'"
    """
    try:
        text = repr(value)
    except Exception:  # whatever a foreign class does there, or an int of thousands of digits
        text = f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= limit else f"{text[: limit - 4]}...{text[-1]}"


def error_text(error: BaseException) -> str:
    """``Type: message`` of an exception, whatever its class: it may be unable to say it, or say what is no Unicode.

    >>> error_text(ValueError("no luck"))
    'ValueError: no luck'
    """
    return f"{type(error).__name__}: {error_message(error)}"


def error_message(error: BaseException) -> str:
    """What an exception says, as `error_text` has it.

    >>> error_message(ValueError("no luck"))
    'no luck'
    """
    try:
        message = str(error)
    except Exception:  # whatever a foreign class does there
        message = "(its message cannot be read)"
    return message.encode(errors="backslashreplace").decode()

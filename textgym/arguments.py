"""Arguments whose type is checked before they are compared or calculated with."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from textgym.errors import ConfigurationError, shown


def check_numbers(**values: Any) -> None:
    """Refuse what is no number, by its name.

    Raises:
        ConfigurationError: A value is no number, for example a text or a bool, or one that no float can hold.

    >>> check_numbers(low=0, high=1.5)
    """
    _check(Real, "a number", values)
    for name, value in values.items():
        try:
            float(value)
        except OverflowError as error:
            raise ConfigurationError(f"{name} is {shown(value)}. Give a number that a float can hold.") from error


def check_integers(**values: Any) -> None:
    """Refuse what is no integer, by its name.

    Raises:
        ConfigurationError: A value is none, for example a float, a text or a bool.
    """
    _check(Integral, "an integer", values)


def check_texts(**values: Any) -> None:
    """Refuse what is no text, by its name.

    Raises:
        ConfigurationError: A value is none.
    """
    _check(str, "a text", values)


def positive_integer(name: str, value: Any, most: float = math.inf) -> int:
    """The value of an argument.

    Raises:
        ConfigurationError: It is no integer from 1 to ``most``.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or not 1 <= int(value) <= most:
        at_most = "" if most == math.inf else f" and at most {most:,}"
        raise ConfigurationError(f"{name} is {shown(value)}. Give an integer of at least 1{at_most}.")
    return int(value)


def _check(kind: type, what: str, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ConfigurationError(f"{name} is {shown(value)}. Give {what}.")

"""Rewards for the form of a text: a pattern, valid JSON, words that it must or must not have, variety, copying."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from textgym import metrics, worker
from textgym.errors import ConfigurationError, DatasetError
from textgym.rewards.reference import Against


class Format:
    """1.0 for a completion that a regular expression matches whole, white space around it aside, else 0.0.

    Args:
        pattern: As for `re.fullmatch`; a dot also matches a line's end. A text on which it takes longer than
            `textgym.worker.TIME_LIMIT`, as `(a+)+` does on a row of letters, does not match, and is logged.

    Raises:
        ConfigurationError: It is no regular expression.

    >>> Format(r"Answer: [0-9]+")(completions=["Answer: 42", "42"])
    [1.0, 0.0]
    """

    __name__ = "format"

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        _compiled(pattern)

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions alone."""
        return [_matches(completion, self.pattern) for completion in completions]


def json(prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
    """1.0 for a completion that is valid JSON (RFC 8259: NaN and Infinity are not), else 0.0.

    >>> json(completions=['{"a": [1, 2]}', "{'a': 1}", "NaN"])
    [1.0, 0.0, 0.0]
    """
    return [_is_json(completion) for completion in completions]


def distinct(prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
    """The fraction of each completion's word pairs that are distinct; 0.0 without any."""
    return [metrics.distinct_n([completion], 2) for completion in completions]


def copying(prompts: Sequence[str] = (), completions: Sequence[str] = (), **_: Any) -> list[float]:
    """Minus the fraction of a completion's word triples that stand in its prompt; in [-1, 0]."""
    return [0.0 - metrics.copy_rate(text, prompt) for text, prompt in zip(completions, prompts, strict=True)]


def _is_json(text: str) -> float:
    try:
        json_module.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return 0.0
    return 1.0


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise ConfigurationError(f"The pattern {pattern!r} is no regular expression: {error}.") from error


def _matches(completion: str, pattern: str) -> float:
    """1.0 if its row's regular expression matches the whole text, white space around it aside, else 0.0."""
    if not isinstance(pattern, str):
        raise DatasetError(f"{pattern!r} is no text. Write a regular expression, or None where there is none.")
    _compiled(pattern)  # what is wrong with it is said here, and not by the worker
    return float(bool(worker.call(_matcher, (pattern,), completion.strip())))  # a text that takes too long is wrong


def _matcher(pattern: str) -> Callable[[str], bool]:
    compiled = _compiled(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _presence(completion: str, words: metrics.Items) -> float:
    """The fraction of the keywords that occur as they are written, in any case; 1.0 without any."""
    return metrics.coverage(completion, words)


def _absence(completion: str, words: metrics.Items) -> float:
    """The fraction of the forbidden words and symbols that do not occur as they are written; 1.0 without any."""
    found = metrics.occurrences(completion, words)
    return found.count(False) / len(found) if found else 1.0


format = Against(_matches, ("pattern",), name="format")
keywords = Against(_presence, ("keywords",), name="keywords")
forbidden = Against(_absence, ("forbidden",), name="forbidden")

"""Rewards for the form of a text: a pattern, valid JSON, words that it must or must not have, variety, copying."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from textgym import metrics, worker
from textgym.arguments import check_texts
from textgym.errors import ConfigurationError, DatasetError
from textgym.rewards.contract import Values, per_text, scores_together
from textgym.rewards.registry import register


class Format:
    """1.0 for a completion that a regular expression matches whole, white space around it aside, else 0.0.

    Args:
        pattern: As for `re.fullmatch`; a dot also matches a line's end. A text on which it takes longer than
            `textgym.worker.TIME_LIMIT`, as `(a+)+` does on a row of letters, does not match, and is logged.

    Raises:
        ConfigurationError: It is no text, or no regular expression.

    >>> Format(r"Answer: [0-9]+")(completions=["Answer: 42", "42"])
    [1.0, 0.0]
    """

    __name__ = "format"
    columns = ()

    def __init__(self, pattern: str) -> None:
        check_texts(pattern=pattern)
        self.pattern = pattern
        _compiled(pattern)

    def __call__(self, /, *arguments: Any, **columns: Any) -> Values:
        """Of the completions alone."""
        return scores_together(partial(_request, self.pattern), _matches, (), self.__name__, *arguments, **columns)


@register("json")
@per_text
def json(completion: str) -> float:
    """1.0 for a completion that is valid JSON (RFC 8259: NaN and Infinity are not), else 0.0.

    >>> json(completions=['{"a": [1, 2]}', "{'a': 1}", "NaN"])
    [1.0, 0.0, 0.0]
    """
    try:
        json_module.loads(completion, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return 0.0
    return 1.0


@register("distinct")
@per_text
def distinct(completion: str) -> float:
    """The fraction of each completion's word pairs that are distinct; 0.0 without any."""
    return metrics.distinct_n([completion], 2)


@register("copying")
@per_text
def copying(completion: str, prompt: str) -> float:
    """Minus the fraction of a completion's word triples that stand in its prompt; in [-1, 0]."""
    return 0.0 - metrics.copy_rate(completion, prompt)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise ConfigurationError(f"The pattern {pattern!r} is no regular expression: {error}.") from error


def _request(pattern: str, completion: str) -> tuple[tuple[str], tuple[str]]:
    if not isinstance(pattern, str):
        raise DatasetError(f"{pattern!r} is no text. Write a regular expression, or None where there is none.")
    _compiled(pattern)  # what is wrong with it is said here, and not by the worker
    return (pattern,), (completion.strip(),)


def _matches(requests: list[tuple[tuple[str], tuple[str]]]) -> list[float]:
    return [float(value is True) for value in worker.call_each(_matcher, requests)]  # one that takes too long is wrong


def _matcher(pattern: str) -> Callable[[str], bool]:
    compiled = _compiled(pattern)
    return lambda text: compiled.fullmatch(text) is not None


@register("format")
def format(*arguments: Any, **columns: Any) -> Values:
    """1.0 if its row's regular expression matches the whole text, white space around it aside, else 0.0."""
    return scores_together(
        lambda completion, pattern: _request(pattern, completion), _matches, ("pattern",), "format",
        *arguments, **columns,
    )  # fmt: skip


format.columns = ("pattern",)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Keywords:
    """The fraction of the keywords that occur as they are written, in any case; 1.0 without any.

    Args:
        endings: Whether a keyword also occurs with a regular English ending, see `textgym.metrics.coverage`.
    """

    __name__ = "keywords"
    columns = ("keywords",)

    endings: bool = False

    @per_text
    def __call__(self, completion: str, keywords: metrics.Items) -> float:
        """Of the completion and its row's keywords."""
        return metrics.coverage(completion, keywords, self.endings)


@dataclass(frozen=True)
class Forbidden:
    """The fraction of the forbidden words and symbols that do not occur as they are written; 1.0 without any.

    Args:
        endings: Whether a word also occurs with a regular English ending, see `textgym.metrics.coverage`.
    """

    __name__ = "forbidden"
    columns = ("forbidden",)

    endings: bool = False

    @per_text
    def __call__(self, completion: str, forbidden: metrics.Items) -> float:
        """Of the completion and its row's forbidden words."""
        found = metrics.occurrences(completion, forbidden, self.endings)
        return found.count(False) / len(found) if found else 1.0


keywords = register("keywords")(Keywords())
forbidden = register("forbidden")(Forbidden())

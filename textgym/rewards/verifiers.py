"""Rewards that check a stated answer."""

from __future__ import annotations

import re
from decimal import Decimal

from textgym.errors import DatasetError
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
STATED = re.compile(rf"\s*({NUMBER.pattern})[ \t]*(?:[.!](?:\s|$)|\n|$)")  # up to the end of the sentence or line


def states_answer(completion: str, answer: str | float) -> float:
    """1.0 if what is stated last as ``Answer: 42`` is that number and nothing more, else 0.0.

    The number ends its sentence or line; its thousands may be separated: ``1,234``.

    Args:
        completion: The text.
        answer: The right number.

    Raises:
        DatasetError: The answer is no number.

    >>> states_answer("7 + 8 = 15. Answer: 15", "15"), states_answer("15", "15"), states_answer("Answer: 15 + 1", "15")
    (1.0, 0.0, 0.0)
    """
    expected = NUMBER.fullmatch(str(answer).strip())
    if not expected:
        raise DatasetError(f"The answer {answer!r} is no number. Write it as '42', '-1,234' or '0.5', without a unit.")
    stated = _stated(completion)
    return float(stated is not None and _number(stated) == _number(expected[0]))


@register("arithmetic")
@per_text
def arithmetic(completion: str, answer: str | float) -> float:
    """1.0 if what is stated last as ``Answer: 42`` is that number and nothing more, else 0.0."""
    return states_answer(completion, answer)


@register("states_number")
@per_text
def states_number(completion: str) -> float:
    """1.0 if the last ``Answer:`` is followed by a number and nothing more, right or wrong, else 0.0.

    >>> states_number(completions=["So. Answer: 3", "Answer: three"])
    [1.0, 0.0]
    """
    return float(_stated(completion) is not None)


def _stated(completion: str) -> str | None:
    """The number that is stated last."""
    _, found, last = completion.rpartition("Answer:")
    stated = STATED.match(last) if found else None
    return stated[1] if stated else None


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))

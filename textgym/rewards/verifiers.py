"""Rewards that check a stated answer."""

from __future__ import annotations

import re

from textgym.rewards.reference import Against

STATED = re.compile(r"Answer:\s*(-?\d[\d,]*(?:\.\d+)?)")


def states_answer(completion: str, answer: str) -> float:
    """1.0 if the last number that is stated as ``Answer: 42`` equals the answer, else 0.0.

    >>> states_answer("7 + 8 = 15. Answer: 15", "15"), states_answer("15", "15")
    (1.0, 0.0)
    """
    stated = STATED.findall(completion)
    return float(bool(stated) and _number(stated[-1]) == _number(answer))


def _number(text: str) -> float:
    return float(text.replace(",", ""))


arithmetic = Against(states_answer, column="answer")

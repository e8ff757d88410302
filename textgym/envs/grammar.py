"""Grammars: which tokens may follow a text, so that an agent writes what its task can read.

A grammar is a regular expression over bytes. What may follow a beginning is its derivative (Brzozowski, 1964,
"Derivatives of Regular Expressions"), again an expression; equal ones are one state, so that a vocabulary is looked
through once per state and not once per text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from textgym.data.datasets import Dataset
from textgym.errors import UnknownNameError
from textgym.tokenizer import TextTokenizer

# ("chars", frozenset of bytes) | ("seq", a, b) | ("any", frozenset of alternatives) | ("star", a)
Expression: TypeAlias = tuple[Any, ...]
NOTHING: Expression = ("any", frozenset())  # no text
EMPTY: Expression = ("star", NOTHING)  # the empty text alone


def chars(allowed: str | frozenset[int]) -> Expression:
    """One of some ASCII characters, or bytes."""
    return ("chars", frozenset(allowed.encode()) if isinstance(allowed, str) else allowed)


def seq(*parts: Expression | str) -> Expression:
    """One after the other; a text stands for itself."""
    expressions: list[Expression] = []
    for part in parts:
        expressions += [("chars", frozenset([byte])) for byte in part.encode()] if isinstance(part, str) else [part]
    result = EMPTY
    for expression in reversed(expressions):
        if NOTHING in (expression, result):
            return NOTHING
        if expression != EMPTY:
            result = expression if result == EMPTY else ("seq", expression, result)
    return result


def either(*alternatives: Expression | str) -> Expression:
    """One of them."""
    flat: set[Expression] = set()
    for alternative in alternatives:
        expression = seq(alternative)
        flat |= expression[1] if expression[0] == "any" else {expression}
    return next(iter(flat)) if len(flat) == 1 else ("any", frozenset(flat))


def many(part: Expression | str) -> Expression:
    """Any number of times, also none."""
    return ("star", seq(part))


@lru_cache(maxsize=100_000)
def may_end(expression: Expression) -> bool:
    """Whether the empty text is of it."""
    kind, *parts = expression
    if kind == "seq":
        return all(map(may_end, parts))
    return kind == "star" or (kind == "any" and any(map(may_end, parts[0])))


@lru_cache(maxsize=100_000)
def after(expression: Expression, byte: int) -> Expression:
    """What may follow a byte."""
    kind, *parts = expression
    if kind == "chars":
        return EMPTY if byte in parts[0] else NOTHING
    if kind == "any":
        return either(*(after(alternative, byte) for alternative in parts[0]))
    if kind == "star":
        return NOTHING if expression == EMPTY else seq(after(parts[0], byte), expression)
    first, rest = parts
    following = seq(after(first, byte), rest)
    return either(following, after(rest, byte)) if may_end(first) else following


# ---------------------------------------------------------------- the tasks' own


def labels(dataset: Dataset) -> Expression:
    """One of the data set's references, as they are written."""
    found = {text for value in dataset.columns["reference"] for text in ([value] if isinstance(value, str) else value)}
    return either(*found)


def entities(dataset: Dataset) -> Expression:
    """``none``, or entities with their types, as ``PER: Ada Lovelace; LOC: London``."""
    name = chars(frozenset(range(256)) - frozenset(b";\n"))
    entity = seq(either("PER", "LOC", "ORG"), ": ", name, many(name))
    return either("none", seq(entity, many(seq("; ", entity))))


def sums(dataset: Dataset) -> Expression:
    """Equations, and the answer as digits: ``2 + 3 = 5. Answer: 5``."""
    number = seq(either("", "-"), chars("0123456789"), many(chars("0123456789")))
    return seq(many(chars("0123456789+-*=x,. ")), "Answer: ", number)


GRAMMARS: dict[str, Callable[[Dataset], Expression]] = {"labels": labels, "entities": entities, "sums": sums}


class Grammar:
    """The tokens of one vocabulary that may follow a text.

    Args:
        name: One of `GRAMMARS`.
        dataset: What the grammar may be made of.
        tokenizer: The vocabulary.

    Raises:
        UnknownNameError: There is no such grammar.
    """

    def __init__(self, name: str, dataset: Dataset, tokenizer: TextTokenizer) -> None:
        if name not in GRAMMARS:
            raise UnknownNameError("grammar", name, list(GRAMMARS))
        # a completion begins with the space that stands between it and the prompt
        self._start = seq(either("", " "), GRAMMARS[name](dataset))
        self._bytes = tokenizer.bytes_of_tokens()
        self._ends = np.isin(np.arange(tokenizer.vocab_size), tokenizer.eos_token_ids)  # bool (V,)
        self._masks: dict[Expression, np.ndarray] = {}

    def mask(self, completion_ids: Sequence[int]) -> np.ndarray:
        """The tokens that may follow a completion's, bool (V,): those that end a text where it is whole.

        Behind a text that is none of the grammar's, only these are left.
        """
        state = self._start
        for token in completion_ids:
            state = self._read(state, self._bytes[token])
        if state not in self._masks:
            allowed = np.array([bool(text) and self._read(state, text) != NOTHING for text in self._bytes])
            self._masks[state] = allowed | self._ends if may_end(state) or not allowed.any() else allowed & ~self._ends
        return self._masks[state].copy()

    @staticmethod
    def _read(state: Expression, text: bytes) -> Expression:
        for byte in text:
            state = after(state, byte)
            if state == NOTHING:
                break
        return state

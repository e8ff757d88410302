"""How many tokens language models read: the larger part of what training and sampling cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Processed:
    """A sum that grows while `processed` is entered.

    Attributes:
        tokens: What forward passes have read, padding and what is read again included.
    """

    def __init__(self) -> None:
        self.tokens = 0


_open: ContextVar[tuple[Processed, ...]] = ContextVar("processed", default=())


@contextmanager
def processed() -> Iterator[Processed]:
    """Sum the tokens that textgym's models read inside, in this thread: decoding, updates and reference models."""
    total = Processed()
    token = _open.set((*_open.get(), total))
    try:
        yield total
    finally:
        _open.reset(token)


def count(tokens: int) -> None:
    """Add the tokens of a forward pass to every sum that is open.

    >>> with processed() as both:
    ...     count(3)
    ...     with processed() as second:
    ...         count(4)
    >>> both.tokens, second.tokens
    (7, 4)
    """
    for total in _open.get():
        total.tokens += tokens

"""`per_text`: how a function that judges one text becomes a reward function, under TRL's contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, wraps
from reprlib import repr as short
from typing import Any

from textgym.errors import ConfigurationError, DatasetError, RewardError, shown

Values = list[float | None]
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def per_text(judge: Callable[..., float]) -> Callable[..., Any]:
    """Decorator that makes a reward function of one that judges a single completion, also of a method ``__call__``.

    What else the function must be given are columns of the data set, by their names, and ``prompt``; a row that has
    None in one of the columns scores None. The reward function takes prompts and completions by keyword or position,
    each a text or a list of messages, ignores all other keywords, and tells its columns by its attribute ``columns``.

    Raises:
        ConfigurationError: At a call: the data set has no such column.
        DatasetError: At a call: a value is not what the function compares with.

    >>> @per_text
    ... def begins(completion: str, reference: str) -> float:
    ...     return float(reference.startswith(completion))
    >>> begins(completions=["So", "No"], reference=["So it is", None], label=[1, 0]), begins.columns
    ([1.0, None], ('reference',))
    """
    declared = inspect.signature(judge).parameters.values()
    parameters = [each.name for each in declared if each.default is each.empty and each.kind not in VARIADIC]
    method = parameters[0] == "self"
    inputs = tuple(parameters[2:] if method else parameters[1:])

    @wraps(judge)
    def reward(*arguments: Any, **columns: Any) -> Values:
        if not method:
            return scores(judge, inputs, judge.__name__, *arguments, **columns)
        own, *others = arguments
        return scores(partial(judge, own), inputs, own.__name__, *others, **columns)

    reward.columns = tuple(name for name in inputs if name != "prompt")  # type: ignore[attr-defined]
    return reward


def scores(
    judge: Callable[..., float],
    inputs: Sequence[str],
    name: str,
    /,
    prompts: Sequence[Any] | None = None,
    completions: Sequence[Any] = (),
    completion_ids: Sequence[Sequence[int]] | None = None,
    **columns: Any,
) -> Values:
    """What a function says of each completion.

    Args:
        judge: Called with a completion and its row's values of the inputs.
        inputs: Names of columns, and ``prompt``.
        name: The reward's name, for messages.
        prompts: A text or a list of messages each.
        completions: A text or a list of messages each.
        completion_ids: Ignored.
        columns: The columns of the data set, by name.

    Raises:
        ConfigurationError: The data set has no such column.
        DatasetError: A value is not what the function compares with.
    """
    values = columns | ({} if prompts is None else {"prompt": texts(prompts)})
    missing = " and ".join(f"the column {column!r}" for column in inputs if column not in values)
    if missing:
        raise ConfigurationError(
            f"The reward {name!r} compares completions with {missing}, which the data set does not have "
            f"(it has: {', '.join(columns) or 'no other'}). Add what is missing, or choose another reward."
        )
    rows = zip(texts(completions), *(values[column] for column in inputs), strict=True)
    return [_score(judge, inputs, completion, row) for completion, *row in rows]


def scores_together(
    request: Callable[..., Any],
    answer: Callable[[list[Any]], Sequence[float]],
    inputs: Sequence[str],
    name: str,
    /,
    *arguments: Any,
    **columns: Any,
) -> Values:
    """As `scores`, for what is faster to ask about all completions together.

    Args:
        request: Called as ``judge`` is, makes what to ask about one completion.
        answer: From all requests to their values.
        inputs: As for `scores`.
        name: As for `scores`.
        *arguments: As for `scores`.
        **columns: As for `scores`.
    """
    requests: list[Any] = []

    def ask(*row: Any) -> float:
        requests.append(request(*row))
        return 0.0  # until it is answered

    asked = scores(ask, inputs, name, *arguments, **columns)
    values = iter(answer(requests))
    return [None if value is None else next(values) for value in asked]


def _score(judge: Callable[..., float], inputs: Sequence[str], completion: str, row: Sequence[Any]) -> float | None:
    if any(value is None for value in row):
        return None
    try:
        return judge(completion, *row)
    except DatasetError as error:
        held = " and ".join(f"{name!r} is {short(value)}" for name, value in zip(inputs, row, strict=True))
        raise DatasetError(f"The column {held}. {error}") from error


def texts(values: Iterable[Any]) -> list[str]:
    """Completions or prompts as texts: of messages, what the assistant says, or all that is said if it is silent.

    TRL's conversational data has lists of messages, ``{"role": "assistant", "content": "..."}``, in place of texts.

    Raises:
        RewardError: One is neither a text nor a list of messages.

    >>> texts(["plain", [{"role": "assistant", "content": "said"}]])
    ['plain', 'said']
    """
    return [value if isinstance(value, str) else _spoken(value) for value in values]


def _spoken(messages: Any) -> str:
    if not isinstance(messages, Sequence) or not all(isinstance(message, Mapping) for message in messages):
        raise RewardError(
            f"{shown(messages)} is neither a text nor a list of messages. "
            "Give texts, or messages as TRL does: [{'role': 'assistant', 'content': '...'}]."
        )
    own = [message for message in messages if message.get("role") == "assistant"] or messages
    return "\n".join(filter(None, (_content(message.get("content")) for message in own)))


def _content(content: Any) -> str:
    """A message's text: it may be None, as of a call of a tool, or a list of parts, not all of which are texts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or () if isinstance(part, Mapping))

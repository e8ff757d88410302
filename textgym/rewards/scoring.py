"""Several reward functions as one number per completion."""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import threading
import time
from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import count, islice
from typing import Any, TypeAlias

import numpy as np

from textgym.errors import ConfigurationError, DatasetError, RewardError, TextGymError, error_message, shown
from textgym.rewards.registry import RewardFunction, get, names

LONGEST_NAME = 100  # characters of a reward's name, which logs, tables and infos show

Spec: TypeAlias = str | RewardFunction


class RewardFunctions:
    """A weighted sum of reward functions.

    Args:
        functions: A name (see `textgym.rewards.get`), a callable, or a list of them.
        weights: One number per function, 1.0 each by default. A function of weight 0 is only reported.

    Attributes:
        names: Each function's name: its registered name, the model folder's, or its ``__name__``, of which what cannot
            be printed becomes ``?``. A second function of the same name gets the suffix ``_2``.
        seconds: Time spent in the functions so far.

    Raises:
        ConfigurationError: No function, something that is neither a name nor a callable, or weights that don't fit.
        UnknownNameError: No reward goes by this name.
    """

    STATE = ("functions",)  # some change as they are called

    def __init__(self, functions: Spec | Sequence[Spec], weights: Sequence[float] | None = None) -> None:
        specs = [functions] if isinstance(functions, str) or callable(functions) else functions
        if not isinstance(specs, Sequence) or not specs:
            raise ConfigurationError(f"reward_funcs is {functions!r}. Give a name, a callable, or a list of them.")
        try:
            self.weights = [1.0] * len(specs) if weights is None else [float(weight) for weight in weights]
        except (TypeError, ValueError, OverflowError):
            self.weights = []  # no numbers: they fit no function
        if len(self.weights) != len(specs) or not all(map(math.isfinite, self.weights)):
            raise ConfigurationError(
                f"reward_weights {shown(weights)} do not fit {len(specs)} reward functions. "
                "Give a list with one finite number for each."
            )
        self.seconds = 0.0
        self.names: list[str] = []
        self.functions: list[RewardFunction] = []
        for spec in specs:
            name, function = resolve(spec)
            self.names.append(unused(name, self.names))
            self.functions.append(function)

    def require(self, columns: Iterable[str]) -> None:
        """Refuse a data set without a column that a function declares, before it is first called.

        Args:
            columns: The data set's.

        Raises:
            ConfigurationError: One is missing.
        """
        there = [*columns]
        for name, function in zip(self.names, self.functions, strict=True):
            if missing := [column for column in getattr(function, "columns", ()) if column not in there]:
                raise ConfigurationError(
                    f"The reward {name!r} compares completions with the column {' and '.join(map(repr, missing))}, "
                    f"which the data set does not have (it has: {', '.join(there)}). Add what is missing, or choose "
                    "another reward."
                )

    def score(
        self,
        *,
        prompts: list[str],
        completions: list[str],
        completion_ids: list[list[int]],
        columns: Mapping[str, list[Any]],
        rows: Sequence[int | str] | None = None,
    ) -> tuple[np.ndarray, list[dict[str, float]]]:
        """Score n completions, with one call of every function.

        Args:
            prompts: The n prompts.
            completions: The n texts, without EOS.
            completion_ids: Their token ids, without EOS.
            columns: The data set's columns, n values each.
            rows: What messages call the n rows: their indices in the data set, from 0; 0, 1, ... by default.

        Returns:
            The weighted sums, float64 of shape (n,), and for each row the value of each function that applies to it.

        Raises:
            RewardError: A function raised, or did not return one finite number or None per row, no function applies to
                a row, or its sum is not finite; names the function and the row.
            DatasetError: A row holds what a function cannot compare with.
        """
        arguments = {**columns, "prompts": prompts, "completions": completions, "completion_ids": completion_ids}
        rows = range(len(completions)) if rows is None else rows
        began = time.perf_counter()
        totals = [0.0] * len(completions)
        components: list[dict[str, float]] = [{} for _ in completions]
        for name, weight, function in zip(self.names, self.weights, self.functions, strict=True):
            for i, value in enumerate(call(name, function, arguments, rows)):
                if value is not None:
                    components[i][name] = value
                    totals[i] += weight * value
        self.seconds += time.perf_counter() - began
        for i, (completion, total, component) in enumerate(zip(completions, totals, components, strict=True)):
            if not component:
                missing = " and no ".join(column for column, values in columns.items() if values[i] is None)
                raise RewardError(
                    f"No reward function applies at index {rows[i]}: {', '.join(self.names)} returned None "
                    f"for the completion {shown(completion)}. At least one must return a number"
                    + (f"; the row has no {missing}: give it one, drop the row, or add a reward." if missing else ".")
                    + self._skipped(i)
                )
            if not math.isfinite(total):
                raise RewardError(
                    f"The weighted sum of {component} at index {rows[i]} is {total}, with the weights {self.weights}. "
                    "Scale the rewards or reward_weights down."
                )
        return np.array(totals), components

    def _skipped(self, i: int) -> str:
        """Which functions failed on a row of the last call, and skipped it as `textgym.rewards.Lenient` may."""
        failures = {
            name: getattr(function, "skipped", {}).get(i)
            for name, function in zip(self.names, self.functions, strict=True)
        }
        return "".join(
            f" {name!r} failed on it ({failure}): give Lenient a penalty, or add a reward that always applies."
            for name, failure in failures.items()
            if failure
        )


def resolve(spec: Spec) -> tuple[str, RewardFunction]:
    """The name and the function of one entry of ``reward_funcs``."""
    if isinstance(spec, str):
        function = get(spec)
        return printable(spec if spec in names() else function.__name__), function
    if callable(spec):
        return printable(getattr(spec, "__name__", type(spec).__name__.lower())), spec
    raise ConfigurationError(f"reward_funcs has {shown(spec)}, which is neither a name nor a callable.")


def printable(name: object) -> str:
    r"""A reward's name as infos, logs and tables can take it.

    >>> printable("_my\ud83dreward\n")
    'my?reward?'
    """
    # without leading underscores: vector infos keep the mask of `x` under `_x`
    text = "".join(character if character.isprintable() else "?" for character in str(name)[:LONGEST_NAME])
    return text.lstrip("_") or "reward"


def unused(name: str, taken: Sequence[str]) -> str:
    """The name itself, or with the first suffix ``_2``, ``_3``, ... that makes it a new one."""
    candidates = (f"{name}_{number}" if number > 1 else name for number in count(1))
    return next(candidate for candidate in candidates if candidate not in taken)


def call(
    name: str, function: RewardFunction, arguments: Mapping[str, Any], rows: Sequence[int | str]
) -> list[float | None]:
    """Call one reward function and check what it returns.

    Args:
        name: What messages call it.
        function: What is called.
        arguments: What it is called with, by keyword: lists of n values, ``completions`` among them; what is no
            list is passed on.
        rows: What messages call the n rows: their indices in the data set, where these are known.

    Raises:
        RewardError: It raised, or did not return one finite number or None per row.
        DatasetError: A row holds what it cannot compare with.
    """
    try:
        values = outcome(function, arguments)
    except DatasetError as error:
        raise DatasetError(f"Reward {name!r} fails{at_fault(function, arguments, rows)}. {error}") from error
    except TextGymError:
        raise  # it already says what is wrong, for example which package is missing
    except Exception as error:
        how = f" It is called by keyword with {', '.join(arguments)}, and must take **kwargs for those it does not use."
        raise RewardError(
            f"Reward {name!r} raised {type(error).__name__}{at_fault(function, arguments, rows)}: "
            f"{error_message(error)}.{how if isinstance(error, TypeError) else ''}"
        ) from error
    return checked(name, values, arguments["completions"], rows)


def checked(name: str, values: Any, completions: Sequence[str], rows: Sequence[int | str]) -> list[float | None]:
    """What a reward function returned, if it is one finite number or None per row, as `call` has it."""
    if not isinstance(values, list):
        raise RewardError(f"Reward {name!r} returned {shown(values)}, not a list with one number or None per row.")
    if len(values) != len(rows):
        raise RewardError(
            f"Reward {name!r} returned {len(values)} values for {len(rows)} rows (index {listed(rows)}). "
            "It must return one number or None per row."
        )
    return [number(name, rows, i, *pair) for i, pair in enumerate(zip(completions, values, strict=True))]


def outcome(function: RewardFunction, arguments: Mapping[str, Any]) -> Any:
    """What a reward function returns: a list, or else what it must not return.

    It gets lists of its own, for it may change them, and the next function and the infos need the originals.
    """
    own = {
        key: [copied(value) if isinstance(value, (list, dict)) else value for value in values]
        if isinstance(values, list)
        else values
        for key, values in arguments.items()
    }
    try:
        returned: Any = function(**own)
        if inspect.isawaitable(returned):
            returned = finished(returned)
        if hasattr(returned, "tolist"):  # one conversion for arrays and tensors instead of one per element
            return returned.tolist()
        if isinstance(returned, (Mapping, Set)) or not isinstance(returned, Iterable):
            return returned
        if isinstance(returned, Iterator):  # a generator runs, and may raise, here; it may also be endless
            return list(islice(returned, len(arguments["completions"]) + 1))
        return list(returned)
    except SystemExit as error:
        # the run would end as if it were over, without a word
        raise RuntimeError(f"it calls exit({error.code!r})") from error


def copied(value: Any) -> Any:
    """A row's value, of which lists and dicts are new ones."""
    if isinstance(value, dict):
        return {key: copied(held) for key, held in value.items()}
    if isinstance(value, list):
        return [*map(copied, value)] if value and isinstance(value[0], (list, dict)) else value.copy()
    return value


_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}  # by process: a forked one has none of its parent's threads


def event_loop() -> asyncio.AbstractEventLoop:
    """The event loop of this process that all async reward functions run on, in a thread of its own.

    It is one for all calls, because what a function keeps between them, such as a client or a semaphore, belongs to
    the loop that first used it; and it is not the caller's, which is busy with the call itself in a notebook.
    """
    process = os.getpid()
    if process not in _LOOPS:
        loop = asyncio.new_event_loop()
        if _LOOPS.setdefault(process, loop) is loop:  # else another thread was first
            threading.Thread(target=run_for_ever, args=(loop,), name="textgym-rewards", daemon=True).start()
        else:
            loop.close()
    return _LOOPS[process]


def run_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop, and go on where a task stops it: an exit or interrupt is for who waits for that task."""
    while True:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            continue


def finished(awaitable: Awaitable[Any]) -> Any:
    """What an async reward function returns, once it has run on `event_loop`."""

    async def wait() -> Any:
        return await awaitable

    loop = event_loop()
    try:
        within = asyncio.get_running_loop() is loop
    except RuntimeError:  # none runs in this thread
        within = False
    if within:
        if inspect.iscoroutine(awaitable):
            awaitable.close()  # it never runs
        raise RewardError(
            "An async reward function calls one that waits for another async function: both would wait for ever. "
            "Await that function itself, or call the reward in a thread: await asyncio.to_thread(reward, ...)."
        )
    future = asyncio.run_coroutine_threadsafe(wait(), loop)
    try:
        return future.result()
    finally:
        future.cancel()  # where the caller was interrupted, the function is too


def some_rows(arguments: Mapping[str, Any], indices: Collection[int]) -> dict[str, Any]:
    """The arguments for some rows alone; what is no list goes with all of them, such as the state of a TRL trainer."""
    return {
        key: [values[i] for i in indices] if isinstance(values, list) else values for key, values in arguments.items()
    }


def at_fault(function: RewardFunction, arguments: Mapping[str, Any], rows: Sequence[int | str]) -> str:
    """Which row makes a reward function raise: a batch does not tell, so the rows are tried one by one."""
    for i, row in enumerate(rows):
        try:
            outcome(function, some_rows(arguments, [i]))
        except Exception:  # the caller reports the first, whole error
            return f" at index {row}, completion {shown(arguments['completions'][i])}"
    return f" on {len(rows)} rows (index {listed(rows)}) together, though on none of them alone"


def listed(rows: Sequence[int | str]) -> str:
    """At most eight of the rows, for a message."""
    return ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")


def number(name: str, rows: Sequence[int | str], i: int, completion: str, value: Any) -> float | None:
    """A finite Python float, or None; ``rows[i]`` is what messages call the row."""
    if value is None:
        return None
    try:
        result = math.nan if isinstance(value, (str, bytes)) else float(value)
    except Exception:  # of 10**400, of a tensor with two elements, or whatever a foreign class raises
        result = math.nan
    if not math.isfinite(result):
        raise RewardError(
            f"Reward {name!r} returned {shown(value)} at index {rows[i]}, completion {shown(completion)}. "
            "It must return a finite number, or None where it does not apply."
        )
    return result

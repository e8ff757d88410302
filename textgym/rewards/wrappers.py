"""Reward functions made of others: gated, clipped, normalised, cached, or forgiven their failures.

They may be nested, with `Cached` next to the reward and `Lenient` outside of all: ``Lenient(Normalised(Cached(api)))``.
The other way round, `Cached` would keep the penalty of a failure that passes, or values that were normalised by the
statistics of long ago, and `Normalised` would take penalties for rewards.
"""

from __future__ import annotations

import hashlib
import logging
import math
import pickle
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from textgym.arguments import check_integers, check_numbers
from textgym.errors import ConfigurationError, RewardError, TextGymError, error_text, shown
from textgym.rewards.contract import Values
from textgym.rewards.registry import RewardFunction
from textgym.rewards.scoring import Spec, call, checked, outcome, resolve, some_rows

logger = logging.getLogger(__name__)


class RewardWrapper:
    """A reward function that changes what another returns, and goes by its name.

    Args:
        reward: A name or a callable, as in ``reward_funcs``.
    """

    STATE: tuple[str, ...] = ("reward",)  # what calls may change

    def __init__(self, reward: Spec) -> None:
        self.__name__, self.reward = resolve(reward)

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **columns: Any) -> Values:
        """Score the completions; arguments as of every reward function.

        Raises:
            RewardError: The reward within raised, or did not return one finite number or None per row.
        """
        given = {} if prompts is None else {"prompts": prompts}
        arguments = {**columns, **given, "completions": completions}
        return self.values({key: list(v) if isinstance(v, (list, tuple)) else v for key, v in arguments.items()})

    def values(self, arguments: dict[str, Any]) -> Values:
        """Score rows, given by keyword."""
        raise NotImplementedError

    def inner(self, arguments: dict[str, Any]) -> Values:
        """What the reward within gives to rows."""
        return _values(self.__name__, self.reward, arguments)


class Gated(RewardWrapper):
    """A reward that only counts where another passes; elsewhere it is 0.0.

    Args:
        reward: The reward.
        by: The reward that it depends on.
        at_least: What that one must reach.

    >>> tidy = Gated("exact_match", by=lambda completions, **_: [float(text == text.strip()) for text in completions])
    >>> tidy(completions=["Paris", " Paris "], reference=["Paris", "Paris"])
    [1.0, 0.0]
    """

    STATE: tuple[str, ...] = ("gate",)

    def __init__(self, reward: Spec, by: Spec, at_least: float = 1.0) -> None:
        super().__init__(reward)
        check_numbers(at_least=at_least)
        self.gate, self.by = resolve(by)
        self.at_least = at_least

    def values(self, arguments: dict[str, Any]) -> Values:
        """0.0 where the gate stays below its threshold, or does not apply."""
        gates, values = _values(self.gate, self.by, arguments), self.inner(arguments)
        passed = [gate is not None and gate >= self.at_least for gate in gates]
        return [value if value is None or ok else 0.0 for value, ok in zip(values, passed, strict=True)]


class Clipped(RewardWrapper):
    """A reward kept within bounds.

    Raises:
        ConfigurationError: ``low`` is not below ``high``.

    >>> Clipped(lambda completions, **_: [float(len(text)) for text in completions], 0, 3)(completions=["four", "of"])
    [3.0, 2.0]
    """

    def __init__(self, reward: Spec, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__(reward)
        check_numbers(low=low, high=high)
        if not low < high:
            raise ConfigurationError(f"low={low} is not below high={high}.")
        self.low, self.high = float(low), float(high)

    def values(self, arguments: dict[str, Any]) -> Values:
        """The nearest value within the bounds."""
        return [None if value is None else min(max(value, self.low), self.high) for value in self.inner(arguments)]


class Normalised(RewardWrapper):
    """A reward less its running mean, over its running standard deviation (Welford, 1962), both since it was made.

    The same text is scored differently as training goes on: evaluate by the reward itself, and put `Cached` within. A
    batch that is refused, for example because of a NaN, leaves the statistics as they were.
    """

    STATE: tuple[str, ...] = ("count", "mean", "squares")

    def __init__(self, reward: Spec) -> None:
        super().__init__(reward)
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def values(self, arguments: dict[str, Any]) -> Values:
        """Values in standard deviations, after the statistics have taken them in."""
        values = self.inner(arguments)
        for value in values:
            if value is not None:
                self.count += 1
                before = value - self.mean
                self.mean += before / self.count
                self.squares += before * (value - self.mean)
        deviation = math.sqrt(self.squares / max(self.count - 1, 1)) or 1.0  # equal values: 0 each
        return [None if value is None else (value - self.mean) / deviation for value in values]


class Cached(RewardWrapper):
    """A slow reward that is asked only once about the same row: prompt, completion, columns, and plain keywords.

    It belongs next to that reward: what it is wrapped in may change from call to call, what it wraps may not. A call
    that fails is not remembered.

    Args:
        reward: The reward.
        size: Rows that are remembered, the least recently used forgotten first.
    """

    def __init__(self, reward: Spec, size: int = 10_000) -> None:
        super().__init__(reward)
        check_integers(size=size)
        if size < 1:
            raise ConfigurationError(f"size={size} must be at least 1.")
        self.size = size
        self._known: OrderedDict[bytes, float | None] = OrderedDict()

    def values(self, arguments: dict[str, Any]) -> Values:
        """Known values, and those of all other rows from one call."""
        keys = self._keys(arguments)
        values = {key: self._known[key] for key in keys if key in self._known}
        missing = {key: i for i, key in enumerate(keys) if key not in values}
        if missing:
            values |= zip(missing, self.inner(some_rows(arguments, missing.values())), strict=True)
        for key, value in values.items():
            self._known[key] = value
            self._known.move_to_end(key)
        while len(self._known) > self.size:
            self._known.popitem(last=False)
        return [values[key] for key in keys]

    def _keys(self, arguments: Mapping[str, Any]) -> list[bytes]:
        """What tells rows apart: all that the reward may read of them."""
        lists = {name: values for name, values in sorted(arguments.items()) if isinstance(values, list)}
        plain = {name: v for name, v in sorted(arguments.items()) if isinstance(v, (str, int, float, type(None)))}
        try:  # not by repr, which leaves out the middle of an array, and says of an object where it is
            rows = [pickle.dumps((*lists, plain, *row)) for row in zip(*lists.values(), strict=True)]
        except Exception as error:  # whatever a foreign class does there
            raise ConfigurationError(
                f"Cached cannot tell rows apart: a column among {', '.join(lists)} cannot be pickled "
                f"({error_text(error)}). Drop that column, or do without Cached."
            ) from error
        return [hashlib.sha256(row).digest() for row in rows]  # a text may be long, and many are remembered

    def __getstate__(self) -> dict[str, Any]:
        # neither part of what the reward is, nor worth sending to other processes
        return self.__dict__ | {"_known": OrderedDict()}


class Lenient(RewardWrapper):
    """A reward whose failures do not stop training: where it raises, ``value`` takes its place.

    A batch that fails is asked for row by row. Every failure is counted and logged, none is silent; without the wrapper
    it is an error. What no other row would mend, such as a column or a package that is missing, stays an error, and so
    does a value in the data that the reward cannot compare with.

    It belongs outside of all other wrappers, so that none of them takes ``value`` for what the reward said.

    Args:
        reward: The reward.
        value: A penalty, or None: the reward then does not apply to that row. Another must, for a row that no reward
            of an environment applies to is an error, which names what failed.
        time_limit: Seconds after which no further row of a batch is asked for; those that are left count as failures.
            Else a server that is down would be waited for once for every row.

    Attributes:
        failures: Calls that failed so far, of a batch or of a single row, and rows that were not asked for.
        skipped: What failed in the last call, by place in the batch; empty where ``value`` is a number.
    """

    def __init__(self, reward: Spec, value: float | None = None, time_limit: float = 60.0) -> None:
        super().__init__(reward)
        check_numbers(time_limit=time_limit, **({} if value is None else {"value": value}))
        self.value = value
        self.time_limit = time_limit
        self.failures = 0
        self.skipped: dict[int, str] = {}

    def values(self, arguments: dict[str, Any]) -> Values:
        """One call for all rows, and if it fails one for each."""
        self.skipped = {}
        return self._attempt(arguments, range(len(arguments["completions"])), time.monotonic() + self.time_limit)

    def _attempt(self, arguments: dict[str, Any], places: Sequence[int], deadline: float) -> Values:
        completions = arguments["completions"]
        try:
            if time.monotonic() > deadline:
                raise TimeoutError(f"it is not asked, for time_limit={self.time_limit:g} s is up")
            return checked(self.__name__, outcome(self.reward, arguments), completions, _numbered(completions))
        except Exception as error:  # whatever a user's function raises
            if isinstance(error, TextGymError) and not isinstance(error, RewardError):
                raise
            self._report(error, completions)
            if len(completions) == 1:
                if self.value is None:
                    self.skipped[places[0]] = error_text(error)
                return [self.value]
        return [value for i in places for value in self._attempt(some_rows(arguments, [i]), [i], deadline)]

    def _report(self, error: Exception, completions: Sequence[str]) -> None:
        self.failures += 1
        where, remedy = f"{len(completions)} completions together", "they are scored one by one"
        if len(completions) == 1:
            where, remedy = f"the completion {shown(completions[0])}", f"{self.value!r} takes its place"
        logger.warning(
            "Reward %r failed on %s (%s): %s. %d failures so far.",
            self.__name__, where, error_text(error), remedy, self.failures,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"skipped": {}}  # of a call, and no part of what the reward is


def _values(name: str, function: RewardFunction, arguments: dict[str, Any]) -> Values:
    """One reward function's values, checked."""
    return call(name, function, arguments, _numbered(arguments["completions"]))


def _numbered(completions: Sequence[str]) -> list[str]:
    """What messages call the rows, whose indices in the data set are not known here."""
    return [f"{i} of the batch" for i in range(len(completions))]

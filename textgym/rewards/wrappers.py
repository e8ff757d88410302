"""Reward functions made of others: gated, clipped, normalised, cached, or forgiven their failures."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

from textgym.errors import ConfigurationError
from textgym.rewards.composition import Spec, outcome, resolve

logger = logging.getLogger(__name__)

Values = list[float | None]


class RewardWrapper:
    """A reward function that changes what another returns, and goes by its name.

    Args:
        reward: A name or a callable, as in ``reward_funcs``.
    """

    def __init__(self, reward: Spec) -> None:
        self.__name__, self.reward = resolve(reward)

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **columns: Any) -> Values:
        """Score the completions; arguments as of every reward function."""
        given = {} if prompts is None else {"prompts": list(prompts)}
        return self.values({**columns, **given, "completions": list(completions)})

    def values(self, arguments: dict[str, list[Any]]) -> Values:
        """Score rows, given by keyword."""
        raise NotImplementedError


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

    def __init__(self, reward: Spec, by: Spec, at_least: float = 1.0) -> None:
        super().__init__(reward)
        self.by, self.at_least = resolve(by)[1], at_least

    def values(self, arguments: dict[str, list[Any]]) -> Values:
        """0.0 where the gate stays below its threshold, or does not apply."""
        gates, values = outcome(self.by, arguments), outcome(self.reward, arguments)
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
        if not low < high:
            raise ConfigurationError(f"low={low} is not below high={high}.")
        self.low, self.high = float(low), float(high)

    def values(self, arguments: dict[str, list[Any]]) -> Values:
        """The nearest value within the bounds."""
        values = outcome(self.reward, arguments)
        return [None if value is None else min(max(float(value), self.low), self.high) for value in values]


class Normalised(RewardWrapper):
    """A reward less its running mean, over its running standard deviation (Welford, 1962), both since it was made.

    The same text is scored differently as training goes on: evaluate by the reward itself.
    """

    def __init__(self, reward: Spec) -> None:
        super().__init__(reward)
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def values(self, arguments: dict[str, list[Any]]) -> Values:
        """Values in standard deviations, after the statistics have taken them in."""
        values = outcome(self.reward, arguments)
        for value in values:
            if value is not None:
                self.count += 1
                before = value - self.mean
                self.mean += before / self.count
                self.squares += before * (value - self.mean)
        deviation = math.sqrt(self.squares / max(self.count - 1, 1)) or 1.0  # equal values: 0 each
        return [None if value is None else (value - self.mean) / deviation for value in values]


class Cached(RewardWrapper):
    """A slow reward that is asked only once about the same row: prompt, completion and columns.

    Args:
        reward: The reward.
        size: Rows that are remembered, the least recently used forgotten first.
    """

    def __init__(self, reward: Spec, size: int = 10_000) -> None:
        super().__init__(reward)
        if size < 1:
            raise ConfigurationError(f"size={size} must be at least 1.")
        self.size = size
        self.hits = 0
        self._known: OrderedDict[Hashable, float | None] = OrderedDict()

    def values(self, arguments: dict[str, list[Any]]) -> Values:
        """Known values, and those of all other rows from one call."""
        rows = list(zip(*arguments.values(), strict=True))
        keys = [repr(row) for row in rows]  # columns may hold lists, which are not hashable
        missing = {key: row for key, row in zip(keys, rows, strict=True) if key not in self._known}
        self.hits += len(rows) - len(missing)
        values = {key: self._known[key] for key in keys if key not in missing}
        if missing:
            asked = {name: [row[i] for row in missing.values()] for i, name in enumerate(arguments)}
            values |= dict(zip(missing, outcome(self.reward, asked), strict=True))
        for key, value in values.items():
            self._known[key] = value
            self._known.move_to_end(key)
        while len(self._known) > self.size:
            self._known.popitem(last=False)
        return [values[key] for key in keys]


class Lenient(RewardWrapper):
    """A reward whose failures do not stop training: where it raises, ``value`` takes its place.

    Every failure is counted and logged, none is silent. Without the wrapper a failure is an error.

    Args:
        reward: The reward.
        value: A penalty, or None: the reward then does not apply to that row.

    Attributes:
        failures: Rows that failed so far.
    """

    def __init__(self, reward: Spec, value: float | None = None) -> None:
        super().__init__(reward)
        self.value = value
        self.failures = 0

    def values(self, arguments: dict[str, list[Any]]) -> Values:
        """One call for all rows, and if it fails one for each."""
        try:
            return self._checked(arguments)
        except Exception:  # whatever a user's function raises
            n_rows = len(arguments["completions"])
        return [value for i in range(n_rows) for value in self._row({name: [v[i]] for name, v in arguments.items()})]

    def _row(self, arguments: dict[str, list[Any]]) -> Values:
        try:
            return self._checked(arguments)
        except Exception as error:  # whatever a user's function raises
            self.failures += 1
            logger.warning(
                "Reward %r failed on the completion %r (%s: %s); %r takes its place. %d failures so far.",
                self.__name__, arguments["completions"][0], type(error).__name__, error, self.value, self.failures,
            )  # fmt: skip
            return [self.value]

    def _checked(self, arguments: dict[str, list[Any]]) -> Values:
        values = outcome(self.reward, arguments)
        expected = len(arguments["completions"])
        if len(values) != expected or not all(value is None or math.isfinite(value) for value in values):
            raise ValueError(f"{values!r} is not one finite number or None for each of {expected} rows")
        return values

"""What ``reset`` may be given, checked: options, seeds, masks and indices."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from textgym.errors import ConfigurationError, UnknownNameError, shown


def options_of(options: Any, *known: str) -> list[Any]:
    """The values of the known options, None for one that is not given.

    Raises:
        ConfigurationError: The options are no mapping.
        UnknownNameError: There is an option of another name.
    """
    if options is None:
        return [None] * len(known)
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"options is {shown(options)}. Give a dict, such as {{'index': 0}}, or None.")
    for name in options:
        if name not in known:
            raise UnknownNameError("option of reset", name, known)
    return [options.get(name) for name in known]


def integer(value: Any) -> int | None:
    """An integer of any integer type, None if it is something else."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def seed_of(seed: Any) -> int | None:
    """The seed of one environment: an integer of at least 0, or None.

    Raises:
        ConfigurationError: It is something else.
    """
    value = integer(seed)
    if seed is not None and (value is None or value < 0):
        raise ConfigurationError(f"seed is {shown(seed)}. Give an integer of at least 0, or None.")
    return value


def seeds_of(seed: Any, num_envs: int) -> list[int | None]:
    """The seed of every environment: its own, or what one number stands for, ``seed + i``.

    Raises:
        ConfigurationError: There are not as many seeds as environments, or one is no integer of at least 0.
    """
    first = integer(seed)
    if first is not None and first >= 0:
        return [first + i for i in range(num_envs)]
    seeds = [None] * num_envs if seed is None else entries(seed)
    if seeds is None or len(seeds) != num_envs:
        raise ConfigurationError(
            f"seed is {shown(seed)}, for {num_envs} environments. Give one integer of at least 0, or one for each."
        )
    return [*map(seed_of, seeds)]


def indices_of(index: Any, num_envs: int) -> list[Any]:
    """The entry of every environment, None where the example is to be drawn; whether it exists is checked later.

    Raises:
        ConfigurationError: There are not as many entries as environments.
    """
    if index is None or integer(index) is not None:
        return [index] * num_envs
    indices = entries(index)
    if indices is None or len(indices) != num_envs:
        count = f"is {shown(index)}" if indices is None else f"has {len(indices)} entries"
        raise ConfigurationError(
            f"options['index'] {count} for {num_envs} environments. Give one integer, or one for each (None: drawn)."
        )
    return indices


def entries(values: Any) -> list[Any] | None:
    """What a sequence or an array holds, None if it is neither."""
    if isinstance(values, np.ndarray):
        return [*values] if values.ndim else None
    return [*values] if isinstance(values, Sequence) and not isinstance(values, (str, bytes)) else None


def mask_of(mask: Any, num_envs: int) -> np.ndarray:
    """The environments that are reset, int64 (k,): all if there is no mask.

    Raises:
        ConfigurationError: The mask is no bool array (n,), or chooses none.
    """
    if mask is None:
        return np.arange(num_envs)
    if not isinstance(mask, np.ndarray) or mask.shape != (num_envs,) or mask.dtype != np.bool_ or not mask.any():
        raise ConfigurationError(
            f"options['reset_mask'] is {shown(mask)}. Give a bool array of shape ({num_envs},) with at least one True."
        )
    return np.flatnonzero(mask)

"""The registry of reward functions."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from textgym import models
from textgym.arguments import check_texts
from textgym.errors import ConfigurationError, UnknownNameError
from textgym.paths import is_file, user_path

Values = Sequence[float | None]
RewardFunction = Callable[..., Values | Awaitable[Values]]
F = TypeVar("F", bound=RewardFunction)
EVALUATE = "evaluate:"

_REGISTRY: dict[str, RewardFunction] = {}  # a built-in one is added as its module is imported, when it is asked for
BUILT_IN = re.compile(r'^(?:@|\w+ = )register\("([^"]+)"\)', re.MULTILINE)


@cache
def built_in() -> dict[str, str]:
    """The module of each built-in reward, found by reading the files of this package for ``register("name")``.

    None of them is imported: some read a model, or need a package that is not installed.
    """
    package = Path(__file__).parent
    return {
        name: ".".join([__package__, *path.relative_to(package).with_suffix("").parts])
        for path in sorted(package.rglob("*.py"))
        for name in BUILT_IN.findall(path.read_text(encoding="utf-8"))
    }


def names() -> list[str]:
    """The registered names."""
    return sorted({*_REGISTRY, *built_in()})


def get(name: str) -> RewardFunction:
    """Find a reward function.

    Args:
        name: A registered name; the folder or hub id of a transformers model that classifies texts or tokens; or
            ``"evaluate:..."`` with the path or name of a module of `evaluate` (see `textgym.rewards.EvaluateModule`).

    Raises:
        ConfigurationError: It is no text.
        UnknownNameError: None of these exists, or the hub does not give it.
        MissingPackageError: The package that the reward needs is not installed.
    """
    check_texts(name=name)
    if name not in _REGISTRY and name in built_in():
        import_module(built_in()[name])
    if name in _REGISTRY:
        return _REGISTRY[name]
    if name.startswith(EVALUATE):
        from textgym.rewards.evaluate_module import EvaluateModule

        return EvaluateModule(name.removeprefix(EVALUATE))
    if (name and is_file(user_path(name) / "config.json")) or models.is_hub_id(name):  # "" is no folder
        from textgym.rewards.judges.classifier import classification

        return classification(name)
    raise UnknownNameError(
        "reward",
        name,
        names(),
        f"A classifier's folder with config.json or hub id organisation/name, or {EVALUATE}PATH_OR_NAME also works.",
    )


def register(name: str) -> Callable[[F], F]:
    """Decorator that registers a reward function, so that it can be named in ``reward_funcs``.

    Raises:
        ConfigurationError: The name is taken by another function.

    >>> @register("exclamations")
    ... def exclamations(completions: list[str], **kwargs: object) -> list[float]:
    ...     return [float(text.count("!")) for text in completions]
    >>> get("exclamations")(completions=["Wow!"])
    [1.0]
    """

    def add(function: F) -> F:
        origin = _origin(_REGISTRY[name]) if name in _REGISTRY else built_in().get(name)
        # code that is run twice (a notebook cell, a file under two module names) defines the same function anew
        if origin not in (None, _origin(function), function.__module__):
            raise ConfigurationError(f"Reward {name!r} is already registered ({origin}). Choose another name.")
        _REGISTRY[name] = function
        return function

    return add


def _origin(entry: Any) -> str:
    """Where a reward function is defined, as ``file:name``, or ``module:name`` where no file is known."""
    module, name = entry.__module__, getattr(entry, "__qualname__", type(entry).__qualname__)
    file = getattr(sys.modules.get(module), "__file__", None)
    return f"{Path(file).resolve() if file else module}:{name}"

"""The registry of reward functions."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from textgym import models
from textgym.errors import ConfigurationError, UnknownNameError

Values = Sequence[float | None]
RewardFunction = Callable[..., Values | Awaitable[Values]]
F = TypeVar("F", bound=RewardFunction)
EVALUATE = "evaluate:"

# name -> the function, or where it is: judges are read from disk when they are first asked for
_REGISTRY: dict[str, RewardFunction | str] = {
    "sentiment": "textgym.rewards.sentiment:sentiment",
    "gold": "textgym.rewards.gold:gold",
    "similarity": "textgym.rewards.similarity:similarity",
    "minilm": "textgym.rewards.minilm:minilm",
    "fluency": "textgym.rewards.fluency:fluency",
    "ngram_fluency": "textgym.rewards.ngrams:ngram_fluency",
    "toxicity": "textgym.rewards.toxicity:toxicity",
    "vader": "textgym.rewards.vader:vader",
    "length": "textgym.rewards.text:length",
    "repetition": "textgym.rewards.text:repetition",
    "compression": "textgym.rewards.text:compression",
    "distinct": "textgym.rewards.form:distinct",
    "copying": "textgym.rewards.form:copying",
    "json": "textgym.rewards.form:json",
    "format": "textgym.rewards.form:format",
    "keywords": "textgym.rewards.form:keywords",
    "forbidden": "textgym.rewards.form:forbidden",
    "accuracy": "textgym.rewards.reference:accuracy",
    "exact_match": "textgym.rewards.reference:exact_match",
    "token_f1": "textgym.rewards.reference:token_f1",
    "entity_f1": "textgym.rewards.reference:entity_f1",
    "all_entities": "textgym.rewards.reference:all_entities",
    "all_triples": "textgym.rewards.reference:all_triples",
    "triple_f1": "textgym.rewards.reference:triple_f1",
    "rouge1": "textgym.rewards.reference:rouge_1",
    "rouge2": "textgym.rewards.reference:rouge_2",
    "rougeL": "textgym.rewards.reference:rouge_l",
    "bleu": "textgym.rewards.reference:bleu",
    "chrf": "textgym.rewards.reference:chrf",
    "ter": "textgym.rewards.reference:ter",
    "meteor": "textgym.rewards.reference:meteor",
    "coverage": "textgym.rewards.reference:coverage",
    "data_to_text": "textgym.rewards.data_to_text:data_to_text",
    "slot_errors": "textgym.rewards.data_to_text:slot_errors",
    "arithmetic": "textgym.rewards.verifiers:arithmetic",
    "states_number": "textgym.rewards.verifiers:states_number",
    "reasoning_gym": "textgym.rewards.reasoning_gym:reasoning_gym",
    "dialogue": "textgym.rewards.dialogue:dialogue",
    "intent": "textgym.rewards.dialogue:intent",
    "ndcg": "textgym.rewards.reference:ndcg",
    "recall": "textgym.rewards.reference:recall",
    "valid_items": "textgym.rewards.recommendation:valid_items",
    "acclaim": "textgym.rewards.recommendation:acclaim",
}


def names() -> list[str]:
    """The registered names."""
    return sorted(_REGISTRY)


def get(name: str) -> RewardFunction:
    """Find a reward function.

    Args:
        name: A registered name; the folder or hub id of a transformers model that classifies texts or tokens; or
            ``"evaluate:..."`` with the path or name of a module of `evaluate` (see `textgym.rewards.EvaluateModule`).

    Raises:
        UnknownNameError: None of these exists, or the hub does not give it.
        MissingPackageError: The package that the reward needs is not installed.
    """
    if name in _REGISTRY:
        entry = _REGISTRY[name]
        if not isinstance(entry, str):
            return entry
        module, _, attribute = entry.partition(":")
        return getattr(import_module(module), attribute)
    if name.startswith(EVALUATE):
        from textgym.rewards.evaluate_module import EvaluateModule

        return EvaluateModule(name.removeprefix(EVALUATE))
    if (name and (Path(name).expanduser() / "config.json").is_file()) or models.is_hub_id(name):  # "" is no folder
        from textgym.rewards.classifier import classification

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
        taken = _REGISTRY.get(name)
        # code that is run twice (a notebook cell, a file under two module names) defines the same function anew
        if taken is not None and _origin(taken) != _origin(function):
            raise ConfigurationError(f"Reward {name!r} is already registered ({_origin(taken)}). Choose another name.")
        _REGISTRY[name] = function
        return function

    return add


def _origin(entry: Any) -> str:
    """Where a reward function is defined, as ``file:name``, or ``module:name`` where no file is known."""
    if isinstance(entry, str):
        module, _, name = entry.partition(":")
    else:
        module, name = entry.__module__, getattr(entry, "__qualname__", type(entry).__qualname__)
    file = getattr(sys.modules.get(module), "__file__", None)
    return f"{Path(file).resolve() if file else module}:{name}"

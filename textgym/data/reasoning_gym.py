"""The data sets ``reasoning_gym:...``: problems of a generator of the optional package reasoning-gym.

A generator goes by its name in that package, options of its configuration behind a question mark:
``"reasoning_gym:chain_sum?max_terms=3&size=1000"``. A problem's split depends on its question alone. Those of the
default generator are embedded as ``reasoning_gym``; those of others are made on the spot.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from textgym.data.hashing import fraction
from textgym.errors import ConfigurationError, DatasetError, MissingPackageError, RewardError, UnknownNameError

logger = logging.getLogger(__name__)

NAME = "reasoning_gym"
DEFAULT = "family_relationships"
SIZE = 4_500  # problems that are drawn, unless the options say otherwise
NONSENSE = "banana"
FAULT = "their verifier refuses their answers, or takes any text"
SHARES = {"test": 2 / 15, "validation": 1 / 15}


def rows(split: str, spec: str) -> list[dict[str, Any]]:
    """The split's problems: ``prompt``, ``reference`` and ``entry``, what the verifier needs, as JSON.

    Args:
        split: Which.
        spec: A generator of reasoning-gym, with options if any.

    Raises:
        MissingPackageError: The package reasoning-gym is not installed.
        UnknownNameError: It has no such generator.
        ConfigurationError: The generator refuses the options.
        DatasetError: The generator's own answers never satisfy its verifier.
    """
    return [row for row in _problems(spec) if _split(row["prompt"]) == split]


def verdict(completion: str, entry: str) -> float:
    """What the generator's own verifier says about an answer, white space around it aside; in [0, 1].

    Many verifiers give a part of 1.0 to an answer with something around it. Some raise on a malformed answer.

    Raises:
        RewardError: It says something else than a number from 0 to 1.
    """
    problem = json.loads(entry)
    value = _generator(problem["spec"]).score_answer(completion.strip(), problem)
    if not 0 <= value <= 1:
        raise RewardError(
            f"The verifier of {problem['spec']!r} gives {value!r} to the answer {completion!r}: no number from 0 to 1. "
            "Choose another generator."
        )
    return float(value)


def missing_package() -> MissingPackageError:
    """What problems and verdicts raise without the package."""
    return MissingPackageError(
        f'{NAME!r} needs the package reasoning-gym. Install it with: pip install "textgym[reasoning]"'
    )


def _split(question: str) -> str:
    where = fraction(f"{NAME}:{question}")
    if where < SHARES["test"]:
        return "test"
    return "validation" if where < SHARES["test"] + SHARES["validation"] else "train"


@lru_cache(maxsize=4)  # the splits of a data set are asked for one after another
def _problems(spec: str) -> list[dict[str, str]]:
    """All problems of a generator, each once, whose answer satisfies the verifier."""
    generator = _generator(spec)
    found: dict[str, dict[str, str]] = {}
    refused = 0
    for index in range(len(generator)):
        problem = generator[index]  # not by iteration, which adds random ids
        question, answer = problem["question"], problem["answer"]
        if question in found:
            continue
        if row := _row(question, answer, {"spec": spec, **problem}):
            found[question] = row
        else:
            refused += 1
    if not found:
        raise DatasetError(
            f"None of the {refused} problems of reasoning-gym's {spec!r} is usable: they have no answers, or {FAULT}. "
            "Choose another generator."
        )
    if refused:
        logger.warning("%d of %d problems of %r left out: %s", refused, refused + len(found), spec, FAULT)
    return [*found.values()]


def _row(question: str, answer: Any, problem: dict[str, Any]) -> dict[str, str] | None:
    """The problem, unless its verifier refuses its answer, or does so once it has been JSON, or takes any other."""
    if not isinstance(answer, str):
        return None
    try:
        entry = json.dumps(problem)
        satisfied = verdict(answer, entry) == 1.0
    except Exception:  # whatever a verifier raises about its own answer
        return None
    return {"prompt": question, "reference": answer, "entry": entry} if satisfied and not _takes_any(entry) else None


def _takes_any(entry: str) -> bool:
    """Whether the verifier is satisfied with nonsense."""
    try:
        return verdict(NONSENSE, entry) == 1.0
    except Exception:  # as some do on a malformed answer, see `textgym.rewards.Lenient`
        return False


@lru_cache(maxsize=16)
def _generator(spec: str) -> Any:
    """A generator of reasoning-gym: indexed for problems, and their verifier."""
    try:
        import reasoning_gym  # not this module: imports are absolute
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise missing_package() from error
    name, _, query = spec.partition("?")
    if name not in DATASETS:
        raise UnknownNameError("generator of reasoning-gym", name, DATASETS)
    options = {"seed": 0, "size": SIZE} | {key: _value(text) for key, text in parse_qsl(query, keep_blank_values=True)}
    try:
        generator = reasoning_gym.create_dataset(name, **options)
        next(iter(generator))  # some options are found to be wrong no earlier
        return generator
    except Exception as error:  # configurations are checked by assertions, or by whatever a generator raises
        known = ", ".join(field.name for field in dataclasses.fields(DATASETS[name][1]))
        raise ConfigurationError(
            f"reasoning-gym's {name!r} refuses the options {options} ({type(error).__name__}: {error}). "
            f"It has: {known}. Write them like {NAME}:{name}?size=1000."
        ) from error


def _value(text: str) -> Any:
    """An option: JSON, such as 3 or true, or else text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text

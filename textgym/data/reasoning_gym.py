"""The data sets ``reasoning_gym:...``: problems of a generator of the optional package reasoning-gym.

A generator goes by its name in that package, options of its configuration behind a question mark:
``"reasoning_gym:chain_sum?max_terms=3&size=1000"``. A problem's split depends on its question alone. Those of the
default generator are embedded as ``reasoning_gym``; those of others are made on the spot.

Verifiers are foreign code, and some evaluate the answer: they run in `textgym.worker`, under its time limit. Some take
one constant text for most problems, for example because it is NaN; their generators are refused, unless the name ends
with the option ``allow_constant=true``.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from textgym import worker
from textgym.data.hashing import fraction
from textgym.errors import ConfigurationError, DatasetError, MissingPackageError, RewardError, UnknownNameError, shown

logger = logging.getLogger(__name__)

NAME = "reasoning_gym"
DEFAULT = "family_relationships"
COMPARES = {DEFAULT}  # generators whose verifier only compares texts: it cannot hang, and needs no second process
SIZE = 4_500  # problems that are drawn, unless the options say otherwise
NONSENSE = "banana"
FAULT = "their verifier refuses their answers, or takes any text"
CONSTANTS = ("", "0", "1", "-1", "nan", "inf", "True", "False", "None", "yes", "no", "[]", NONSENSE)
CONSTANT_ROWS = 200  # problems that each constant text is tried on
MOST_CONSTANT = 0.2  # of them that a constant text may solve
ALLOW = "allow_constant=true"
SHARES = {"test": 2 / 15, "validation": 1 / 15}


def rows(split: str, spec: str) -> list[dict[str, Any]]:
    """The split's problems: ``prompt``, ``reference`` and ``entry``, what the verifier needs, as JSON.

    Args:
        split: Which of the data set's parts.
        spec: A generator of reasoning-gym, with options if any; the option ``allow_constant=true`` is ours.

    Raises:
        MissingPackageError: The package reasoning-gym is not installed.
        UnknownNameError: It has no such generator.
        ConfigurationError: The generator refuses the options.
        DatasetError: The generator's own answers never satisfy its verifier, or one constant text does too often.
    """
    return [row for row in _problems(spec) if _split(row["prompt"]) == split]


def problem_and_answer(completion: str, entry: str) -> tuple[dict[str, Any], str]:
    """What `verdicts` takes.

    Raises:
        DatasetError: The entry is none of a problem.
    """
    problem = _problem(entry)
    _verifier(problem["spec"])  # what is wrong with the spec is said here, and not by the worker
    return problem, completion.strip()


def verdicts(answers: Sequence[tuple[dict[str, Any], str]]) -> list[float]:
    """What the generators' own verifiers say about answers to problems; in [0, 1].

    Many verifiers give a part of 1.0 to an answer with something around it. Some raise on a malformed answer. An answer
    that makes one hang or crash is wrong, and logged; so is any that is left when these took `worker.TIME_LOST`.

    Raises:
        RewardError: One raises, or says something else than a number from 0 to 1.
    """
    foreign = [((problem["spec"],), (answer, problem)) for problem, answer in answers if not _compares(problem["spec"])]
    from_worker = iter(worker.call_each(_verifier, foreign))
    return [
        _verdict(
            problem["spec"],
            answer,
            _verifier(problem["spec"])(answer, problem) if _compares(problem["spec"]) else next(from_worker),
        )
        for problem, answer in answers
    ]


def _verdict(spec: str, answer: str, value: Any) -> float:
    if isinstance(value, worker.ForeignCodeError):
        raise RewardError(f"The verifier of {spec!r} raises on {shown(answer)}: {value}.") from value
    if value is None:
        return 0.0
    if not 0 <= value <= 1:
        raise RewardError(
            f"The verifier of {spec!r} gives {value!r} to the answer {shown(answer)}: no number from 0 to 1. "
            "Choose another generator."
        )
    return value


def _compares(spec: str) -> bool:
    return spec.partition("?")[0] in COMPARES


def _verifier(spec: str) -> Callable[[str, dict[str, Any]], float]:
    """What a generator says of an answer to one of its problems."""
    generator = _generator(spec)
    return lambda answer, problem: float(generator.score_answer(answer, problem))


def _problem(entry: str) -> dict[str, Any]:
    """The problem, and in ``spec`` the generator that it is of."""
    try:
        problem = json.loads(entry)
    except (ValueError, TypeError):
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("spec"), str):
        raise DatasetError(
            f"{shown(entry)} is no problem of reasoning-gym. Load the data by its name {NAME}:GENERATOR, whose rows "
            "have it in the column 'entry'."
        )
    return problem


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
    asked, options = spec, spec.partition("?")[2].split("&")
    if ALLOW in options:
        kept = "&".join(option for option in options if option != ALLOW)
        spec = spec.partition("?")[0] + (f"?{kept}" if kept else "")
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
    rows = [*found.values()]
    if asked == spec:
        _refuse_constants(spec, rows)
    return rows


def _refuse_constants(spec: str, rows: Sequence[dict[str, str]]) -> None:
    """Refuse a generator where an agent need only learn one text, whatever the problem."""
    tried = rows[:: -(-len(rows) // CONSTANT_ROWS)]
    ((frequent, _),) = Counter(row["reference"] for row in rows).most_common(1)
    for text in (*CONSTANTS, frequent):
        solved = sum(_satisfies(text, row["entry"]) for row in tried)
        if solved > max(1, MOST_CONSTANT * len(tried)):  # one of a few may be its own problem
            raise DatasetError(
                f"The verifier of reasoning-gym's {spec!r} takes the answer {shown(text)} for right in "
                f"{solved / len(tried):.0%} of the problems, so that an agent would learn nothing else. Choose another "
                f"generator, or ask for it nevertheless: '{NAME}:{spec}{'&' if '?' in spec else '?'}{ALLOW}'."
            )


def _row(question: str, answer: Any, problem: dict[str, Any]) -> dict[str, str] | None:
    """The problem, unless its verifier refuses its answer, or does so once it has been JSON, or takes any other."""
    if not isinstance(answer, str):
        return None
    try:
        entry = json.dumps(problem)
    except (TypeError, ValueError):  # what it holds is no JSON
        return None
    usable = _satisfies(answer, entry) and not _satisfies(NONSENSE, entry)
    return {"prompt": question, "reference": answer, "entry": entry} if usable else None


def _satisfies(answer: str, entry: str) -> bool:
    """Whether the verifier gives full marks to a text that no agent wrote; not where it raises.

    Thousands are tried, so in this process: the problem's own answer and our constants make no verifier hang.
    """
    try:
        problem = _problem(entry)
        return _verifier(problem["spec"])(answer.strip(), problem) == 1.0
    except Exception:  # whatever a verifier raises
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
        range(len(generator))
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

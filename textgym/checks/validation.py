"""Are a task's data and reward what they should be, and can a data file be used? No model is needed.

>>> [report.findings for report in check_task("TextGen-Arithmetic-v0", ["validation"])]
[[]]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np

from textgym.checks.probes import REFERENCE, Examples, compares, constants, probes
from textgym.data import files
from textgym.data.datasets import RESERVED, SPLITS, files_of_splits, is_reference, lone_surrogate, texts_of
from textgym.data.places import SHOWN, Places
from textgym.errors import DatasetError, shown

MAXIMUM = 1.0  # of every reward that compares with a reference
ROUNDING = 1e-9
TOLERATED = 0.25  # of wrong answers may be right: a sum of the same result, nothing where there is nothing to find
CONSTANT = 0.5  # of rows may have the same right answer, one class of two for example
CUT = 0.01  # of references may be too long for the task
BROKEN = "\ufffd"  # stands for bytes that some program could not read


@dataclass(frozen=True)
class SplitReport:
    """What `check_task` found in one split.

    Attributes:
        split: The split's name.
        rows: How many rows it has.
        means: Mean reward of each kind of text that `textgym.checks.probes` knows, by its name.
        at_maximum: The fraction of them that score 1.0.
        compared: Whether the reward compares a text with its row; a judge of the text alone does not.
        findings: What is wrong; empty if nothing is.
    """

    split: str
    rows: int
    means: dict[str, float]
    at_maximum: dict[str, float]
    compared: bool
    findings: list[str]


@dataclass(frozen=True)
class Column:
    """A column of a data file.

    Attributes:
        name: The column's name.
        types: Which types its values have.
        empty: Values that are None, an empty list, or a text of white space.
        different: Different values.
        longest: Characters of the longest text, None if the column holds none.
    """

    name: str
    types: list[str]
    empty: int
    different: int
    longest: int | None


@dataclass(frozen=True)
class FileReport:
    """What `check_file` found.

    Attributes:
        rows: How many rows the file has; 0 if it cannot be read.
        columns: Summaries of its columns.
        findings: What is wrong; empty if nothing is.
    """

    rows: int
    columns: list[Column] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def check_task(
    env_id: str, splits: Sequence[str] = SPLITS, *, env_kwargs: Mapping[str, Any] | None = None
) -> list[SplitReport]:
    """Score references and wrong answers of every row, and look for rows that are empty or occur twice.

    A reward that compares with the row must give its reference 1.0, and no kind of wrong answer (another row's
    reference, the prompt copied, empty text, random tokens) as much in more than a quarter of the rows, nor one answer
    to all rows (one token, the most frequent reference) in more than half. One that judges the text alone must like the
    references better than any kind of wrong answer, on average; that it likes one text everywhere is in its nature. At
    most 1 % of the references that are compared with may be too long for ``max_new_tokens``. Rows without a reference
    are not scored, unless no row has one.

    Args:
        env_id: A registered id.
        splits: Which parts of the data set to check.
        env_kwargs: Other keywords of the environment, such as ``reward_funcs`` or ``dataset``.

    Raises:
        DatasetError: The data cannot be loaded, or the reward cannot compare with what a row holds.
        RewardError: The reward failed on a text.
    """
    reports = []
    seen: dict[str, str] = {}  # split by prompt
    for split in splits:
        examples = Examples(env_id, split, env_kwargs=env_kwargs)
        places = examples.dataset.places
        findings = check_columns({**examples.dataset.columns, "prompt": examples.prompts}, places)
        findings += _shared(examples.prompts, split, seen, places)
        reports.append(_report(examples, places, findings))
    return reports


def _shared(prompts: Sequence[Any], split: str, seen: dict[str, str], places: Places) -> list[str]:
    """Prompts that were seen in another split; the new ones are added to those that were."""
    texts = ((row, prompt) for row, prompt in enumerate(prompts) if isinstance(prompt, str))
    shared = [row for row, prompt in texts if seen.setdefault(prompt, split) != split]
    return [f"Prompts that another split has too: {places.listed(shared)}."] if shared else []


def _report(examples: Examples, places: Places, findings: list[str]) -> SplitReport:
    """The report, with what the reward says of right and wrong texts."""
    constant = {kind: [text] * len(examples) for kind, text in constants(examples).items()}
    texts = probes(examples) | constant
    rows = _with_reference(examples)
    values = {kind: _numbers(examples.values([own[row] for row in rows], rows)) for kind, own in texts.items()}
    means = {kind: float(scores.mean()) for kind, scores in values.items()}
    at_maximum = {kind: float((scores >= MAXIMUM - ROUNDING).mean()) for kind, scores in values.items()}
    compared = compares(examples)
    # one answer to the only row that has a reference may well be right
    ignored = {REFERENCE, *(constant if len(rows) == 1 else ())}
    same = {text for row in rows if (text := examples.references[row].strip())}
    if len(rows) > 1 and len(same) == 1:
        findings.append(
            f"All references are {shown(min(same))}: one answer solves the task. Add rows with other answers."
        )
    if REFERENCE not in texts and "reference" in examples.columns:
        findings.append("No row has a reference: fill the column 'reference', or drop it.")
    if REFERENCE in texts:
        findings += [
            f"A wrong answer scores {mean:.3f} on average, the reference {means[REFERENCE]:.3f}: {kind}."
            for kind, mean in means.items()
            if kind not in ignored and mean >= means[REFERENCE] and (compared or kind not in constant)
        ]
    if compared and REFERENCE in texts:
        findings += _misjudged(values[REFERENCE], rows, places) + _cut(examples, places)
        for kind, scores in values.items():
            share = float((scores >= values[REFERENCE] - ROUNDING).mean())
            limit = CONSTANT if kind in constant else TOLERATED
            if kind not in ignored and share > limit:
                findings.append(
                    f"A wrong answer scores as well as the reference in {share:.0%} of the rows, and may in "
                    f"{limit:.0%}: {kind}{f', {texts[kind][0]!r}' if kind in constant else ''}."
                )
    return SplitReport(examples.dataset.split, len(examples), means, at_maximum, compared, findings)


def _with_reference(examples: Examples) -> Sequence[int]:
    """The rows that have a reference, all rows if none has: of the others nobody knows what is right."""
    references = examples.columns.get("reference", ())
    return [row for row, value in enumerate(references) if value is not None] or range(len(examples))


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    """As an array: what a reward does not apply to earns nothing."""
    return np.array([0.0 if value is None else value for value in values])


def _misjudged(scores: np.ndarray, rows: Sequence[int], places: Places) -> list[str]:
    """References that score less than the maximum, of these rows."""
    below = [rows[i] for i in np.flatnonzero(scores < MAXIMUM - ROUNDING).tolist()]
    if not below:
        return []
    lowest = f"{scores.min():.3f} at {places.one(rows[int(scores.argmin())])}"
    return [f"The reference scores less than 1.0 ({lowest}): {places.listed(below)}."]


def _cut(examples: Examples, places: Places) -> list[str]:
    """References that the agent has no room to write, with EOS."""
    lengths = [len(ids) + 1 for ids in examples.tokenizer.encode_batch(examples.references)]
    cut = [row for row, length in enumerate(lengths) if length > examples.max_new_tokens]
    if len(cut) <= CUT * len(examples):
        return []
    return [f"The reference has no room in {examples.max_new_tokens} tokens: {places.listed(cut)}."]


def check_folder(folder: Path, *, templated: bool = False) -> dict[Path, FileReport]:
    """`check_file` for each file of a folder that has one per split, and look for prompts that two of them share.

    Args:
        folder: The folder.
        templated: As for `check_file`.

    Raises:
        DatasetError: It has no such file.
    """
    paths = dict.fromkeys((*files_of_splits(folder).values(), *files.data_files(folder)))  # the usual splits first
    if not paths:
        raise DatasetError(
            f"The folder {str(folder)!r} has no data. Put one file per split there, such as train.jsonl; "
            f"known formats: {', '.join(files.READERS)}."
        )
    seen: dict[str, str] = {}
    return {path: check_file(path, seen, templated=templated) for path in paths}


def check_file(path: Path, seen: dict[str, str] | None = None, *, templated: bool = False) -> FileReport:
    """Read a data file, and look for everything that would stop an environment or make its data worse.

    Found are what cannot be read (the first place, for example bytes that are not UTF-8), no column ``prompt``, columns
    that reward functions know as something else, prompts and references of the wrong type, empty ones, prompts that
    occur twice, a column ``reference`` without any, columns of several types, and characters that were lost when some
    program read or wrote the text wrongly.

    Args:
        path: The file to check.
        seen: The file of each prompt, of the other splits that were checked before; this one's are added.
        templated: A prompt template of one's own makes prompts of other columns: none needs to be called ``prompt``.
    """
    suffix = files.format_of(path)
    if suffix is None:
        return FileReport(0, findings=[f"{path} has none of the known formats {', '.join(files.READERS)}."])
    try:
        numbered = [*files.READERS[suffix](path)]
    except DatasetError as error:
        return FileReport(0, findings=[str(error)])
    if not numbered:
        return FileReport(0, findings=[f"{path} has no rows."])
    rows = [row for _, row in numbered]
    places = Places(files.unit_of(path), [number for number, _ in numbered])
    odd = [i for i, row in enumerate(rows) if not isinstance(row, Mapping)]
    if odd:
        return FileReport(len(rows), findings=[f"Not an object with columns: {places.listed(odd)}."])
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    findings = [
        f"The column {name!r} is an argument of every reward function: rename it." for name in names if name in RESERVED
    ]
    if "prompt" not in columns and not templated:
        findings.append(f"No column 'prompt' among {', '.join(names)}: rename one, or name columns in prompt_template.")
    if all(value is None for value in columns.get("reference", [""])):
        findings.append("No row has a reference: fill the column 'reference', or drop it.")
    findings += check_columns(columns, places)
    findings += _shared(columns.get("prompt", ()), path.name, {} if seen is None else seen, places)
    return FileReport(len(rows), [*starmap(_summary, columns.items())], findings)


def check_columns(columns: Mapping[str, Sequence[Any]], places: Places) -> list[str]:
    """What is wrong with the values of a table.

    Args:
        columns: Values by name.
        places: Names the rows.
    """
    findings = []

    def found(what: str, rows: Sequence[int]) -> None:
        if rows:
            findings.append(f"{what}: {places.listed(rows)}.")

    prompts, references = columns.get("prompt", ()), columns.get("reference", ())
    found("The prompt is no text", [i for i, value in enumerate(prompts) if not isinstance(value, str)])
    found("The prompt is empty", [i for i, value in enumerate(prompts) if value is not None and _is_empty(value)])
    found(
        "The reference is neither a text nor a list of texts",
        [i for i, value in enumerate(references) if not is_reference(value)],
    )
    found(
        "The reference is empty",
        [
            i
            for i, value in enumerate(references)
            if value is not None and is_reference(value) and all(map(_is_empty, texts_of(value)))
        ],
    )
    for name, values in columns.items():
        types = _types(values)
        if name not in ("prompt", "reference") and len(types) > 1:
            findings.append(f"The column {name!r} holds {' and '.join(types)}: give it one type.")
        found(
            f"The column {name!r} has the character U+FFFD, for bytes that some program could not read",
            [i for i, value in enumerate(values) if any(BROKEN in text for text in texts_of(value))],
        )
        found(
            f"The column {name!r} has a lone surrogate, half of a character, which cannot be encoded",
            [i for i, value in enumerate(values) if any(map(lone_surrogate, texts_of(value)))],
        )
    twice = defaultdict(list)
    for i, prompt in enumerate(prompts):
        if isinstance(prompt, str):
            twice[" ".join(prompt.split())].append(i)
    repeated = [rows for rows in twice.values() if len(rows) > 1]
    for rows in repeated[:SHOWN]:
        found(f"The same prompt, {shown(prompts[rows[0]], 60)}", rows)
    if len(repeated) > SHOWN:
        findings.append(f"{len(repeated) - SHOWN:,} more prompts occur more than once.")
    return findings


def _summary(name: str, values: Sequence[Any]) -> Column:
    texts = [text for value in values for text in texts_of(value)]
    return Column(
        name,
        _types(values),
        empty=sum(map(_is_empty, values)),
        different=len({value if isinstance(value, str) else repr(value) for value in values}),
        longest=max(map(len, texts), default=None),
    )


def _types(values: Sequence[Any]) -> list[str]:
    names = (type(value).__name__ for value in values if value is not None)
    return sorted({"number" if name in ("int", "float") else name for name in names})


def _is_empty(value: Any) -> bool:
    return (
        value is None or (isinstance(value, (str, list)) and not value) or (isinstance(value, str) and value.isspace())
    )

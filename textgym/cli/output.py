"""What the commands share: where they print, how they show texts, and which task an id names."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import gymnasium as gym
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from textgym import data, rewards
from textgym.data.datasets import ASSETS, GENERATED, SPLITS
from textgym.envs import ENVIRONMENTS, task_of
from textgym.envs.rendering import ENDS
from textgym.envs.task import Task
from textgym.errors import ConfigurationError, MissingPackageError, UnknownNameError, error_text
from textgym.metrics import CORPUS
from textgym.paths import is_file

TaskId = Annotated[str, typer.Argument(metavar="ID", help="The id of a task, as textgym list shows it.")]
Split = Annotated[str, typer.Option(help="Which part of the task's data to use: train, validation or test.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The seed of everything that is drawn at random.")]


def console(*, stderr: bool = False) -> Console:
    """Made anew by each command, for it looks at the terminal, at ``NO_COLOR`` and at ``COLUMNS`` when it is made."""
    return Console(stderr=stderr, markup=False, highlight=False)


def paragraphs(docstring: str | None) -> str:
    """A docstring as help: its paragraphs without the line breaks within them."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (docstring or "").split("\n\n"))


def examples(*commands: str) -> str:
    """What a command's help ends with."""
    return "\n\n".join(["Examples:", *(f"[bold]{escape(command)}[/bold]" for command in commands)])


def plain(value: Any) -> str:
    r"""A text as a terminal may show it: control characters, which could move the cursor or colour it, are escaped.

    >>> plain("one\ntwo\t\x1b[31m")
    'one\ntwo\\t\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in str(value))


def one_line(value: Any, limit: int | None = None) -> str:
    r"""The same on one line, cut at a number of characters.

    >>> one_line("two\nlines"), one_line("a long one", 7)
    ('two\\nlines', 'a lo...')
    """
    text = plain(value).replace("\n", "\\n")
    return text if limit is None or len(text) <= limit else text[: limit - 3] + "..."


def number(value: float | None) -> str:
    """A score."""
    return "-" if value is None else f"{value:.3f}"


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without lines, whose rows begin with a whole name; the columns named by ``right`` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column == columns[0])
    return made


def facts(rows: Mapping[str, Any]) -> Table:
    """Names and what they stand for, one a row."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows.items():
        made.add_row(name, plain(value).strip("\n"))
    return made


def scores(values: Mapping[str, float | None]) -> str:
    """The scores of a text, by reward."""
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def episode(info: Mapping[str, Any]) -> Table:
    """A finished episode: its last info."""
    reference = info.get("reference")
    return facts(
        {
            "prompt": info["prompt"],
            "reference": " | ".join(reference) if isinstance(reference, list) else reference or "",
            "completion": info["completion"].strip(),
            "scores": scores(info["rewards"]),
            "end": f"{ENDS[info['finish_reason']]} after {info['completion_length']} tokens",
        }
    )


def find_task(env_id: str) -> tuple[str, Task]:
    """The id and task that are meant; ``my_module:TextGen-Mine-v0`` imports the module, also out of this folder.

    Raises:
        UnknownNameError: There is no such id.
        ConfigurationError: The module cannot be found, or the id is no task of textgym.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        import_own(module)
    if name not in gym.registry:
        raise UnknownNameError(
            "task",
            name,
            ENVIRONMENTS,
            "A task of your own is my_module:TextGen-Mine-v0, my_module.py being in this folder.",
        )
    task = task_of(name)
    if task is None:
        raise ConfigurationError(
            f"{name} is no task of textgym, but another environment. Known: {', '.join(ENVIRONMENTS)}."
        )
    return name, task


def import_own(module: str) -> None:
    """Import a user's module, which may lie in the current folder.

    Raises:
        ConfigurationError: There is none, or it does not run.
    """
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # at the end: a user's random.py must not replace Python's
    try:
        import_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        raise ConfigurationError(
            f"The module {module!r} cannot be imported ({error_text(error)}). "
            f"It may lie in the current folder, {str(Path.cwd())!r}."
        ) from error


def run_own(path: Path) -> ModuleType:
    """The module that a user's file makes; it may import its neighbours and what lies in the current folder.

    Raises:
        ConfigurationError: There is no such file, or it does not run.
    """
    if not is_file(path):
        raise ConfigurationError(f"There is no file {str(path)!r}. The current folder is {str(Path.cwd())!r}.")
    sys.path += [folder for folder in (str(path.parent), str(Path.cwd())) if folder not in sys.path]
    spec = spec_from_file_location(f"own_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        raise ConfigurationError(f"{path} does not run ({error_text(error)}).") from error
    return module


def reported(task: Task) -> dict[str, Any]:
    """Keywords that let an environment give the default reward, and show what else is said of a text."""
    names = dict.fromkeys([task.reward_funcs, task.gold, *(name for name in task.metrics if name not in CORPUS)])
    return {"reward_funcs": [*names], "reward_weights": [1.0] + [0.0] * (len(names) - 1)}


def first_sentence(thing: Any) -> str:
    """The first sentence of a text, or of something's docstring, on one line."""
    text = " ".join((thing if isinstance(thing, str) else inspect.getdoc(thing) or "").split())
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0].replace("``", "`")


def described_reward(name: str) -> tuple[tuple[str, ...], str]:
    """The columns that a reward needs, and what it is; if it is not installed, what to install."""
    try:
        function = rewards.get(name)
    except MissingPackageError as error:
        return (), str(error)
    described = function if inspect.isfunction(function) else getattr(function, "metric", type(function))
    return getattr(function, "columns", ()), first_sentence(described)


def sizes(dataset: str) -> str:
    """Rows of train, validation and test; or which package the data set needs."""
    try:
        return " / ".join(f"{len(data.load(dataset, split)):,}" for split in SPLITS)
    except MissingPackageError as error:
        return one_line(error)


def licence(dataset: str) -> str:
    """The licence of a data set's texts, as its card says."""
    card = ASSETS / f"{dataset}.md"
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    stated = [line.removeprefix("Licence: ") for line in lines if line.startswith("Licence: ")]
    return stated[0] if stated else "none: made on the spot" if dataset in GENERATED else "see its source"

"""``textgym new``: the beginnings of a task or a reward, with the test that it must pass."""

from __future__ import annotations

import importlib.util
import json
import keyword
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Annotated

import gymnasium as gym
import typer

from textgym import models, rewards
from textgym.cli import output
from textgym.errors import ConfigurationError, shown

LONGEST_NAME = 255  # bytes, of a file
SCAFFOLDS = models.ASSETS / "scaffolds"
ROWS = {
    "train": ["red green blue", "one two three four", "north east south west", "spring summer autumn"],
    "validation": ["bread butter jam", "up down"],
    "test": ["sun moon stars", "cat dog mouse"],
}

app = typer.Typer(
    no_args_is_help=True,
    help="Begin a task or a reward of your own: the code, and the test that it must pass.",
    epilog=output.examples("textgym new task haiku", "textgym new reward politeness"),
)
Name = Annotated[str, typer.Argument(help="Lower case, with underscores: it becomes the module's name.")]
Folder = Annotated[Path, typer.Option(help="Where the files are written.")]


@app.command("task", epilog=output.examples("textgym new task haiku", "pytest test_haiku.py"))
def task(name: Name, folder: Folder = Path()) -> None:
    """Write NAME.py, an environment that works, its data, and test_NAME.py, which must pass before and after edits."""
    title = "".join(map(str.capitalize, name.split("_")))
    check_name(name, folder)
    taken = same_name(f"TextGen-{title}-v0", gym.registry)
    if taken:
        raise ConfigurationError(f"The id {taken} is taken. Choose another name than {name!r}.")
    lines = {
        split: "".join(json.dumps({"prompt": prompt, "reference": prompt.split()[-1]}) + "\n" for prompt in prompts)
        for split, prompts in ROWS.items()
    }
    data = {f"{name}_data/{split}.jsonl": text for split, text in lines.items()}
    write(folder, scaffold("task", name, title) | data)
    where = "here" if folder == Path() else f"in {folder}"
    output.console().print(
        f"Next: change what is marked with TODO, and the data; then, {where}: "
        f"textgym show {name}:TextGen-{title}-v0, and pytest test_{name}.py",
        soft_wrap=True,
    )


@app.command("reward", epilog=output.examples("textgym new reward politeness", "textgym lint-reward politeness.py"))
def reward(name: Name, folder: Folder = Path()) -> None:
    """Write NAME.py, a reward function that works, and test_NAME.py, which must pass before and after edits."""
    check_name(name, folder)
    taken = same_name(name, rewards.names())
    if taken:
        raise ConfigurationError(f"There is a reward {taken!r} already. Choose another name than {name!r}.")
    write(folder, scaffold("reward", name, ""))
    output.console().print(
        f"Next: change what is marked with TODO; then: textgym lint-reward {folder / name}.py, and "
        f"pytest {folder / f'test_{name}.py'}",
        soft_wrap=True,
    )


def check_name(name: str, folder: Path) -> None:
    """Refuse what cannot be the name of a new module.

    Raises:
        ConfigurationError: It is no identifier in lower case, too long, or an installed module is called so.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or name.startswith("_"):
        raise ConfigurationError(
            f"{name!r} is no name for a module. Give small letters, digits and underscores, a letter first."
        )
    if len(f"test_{name}.py".encode()) > LONGEST_NAME:
        raise ConfigurationError(f"No file can be called test_{shown(name)[1:-1]}.py. Choose a shorter name.")
    own = (folder / f"{name}.py").exists()  # which `write` refuses to overwrite
    if not own and importlib.util.find_spec(name) is not None:
        raise ConfigurationError(
            f"There is a module {name!r} already, which the new one would hide. Choose another name."
        )


def same_name(name: str, taken: Iterable[str]) -> str | None:
    """The first of the names that is the same, in whatever case: two that differ by no more are soon confused.

    >>> same_name("rougel", ["rouge1", "rougeL"])
    'rougeL'
    """
    return next((other for other in taken if other.lower() == name.lower()), None)


def scaffold(kind: str, name: str, title: str) -> dict[str, str]:
    """The module and its test, by file name."""
    templates = {f"{name}.py": f"{kind}.py.txt", f"test_{name}.py": f"test_{kind}.py.txt"}
    return {
        file: Template((SCAFFOLDS / template).read_text(encoding="utf-8")).substitute(name=name, title=title)
        for file, template in templates.items()
    }


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write new files and say so.

    Raises:
        ConfigurationError: There is no such folder, or one of the files is there: then nothing is written.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"There is no folder {str(folder)!r}. Make it first, or give another one: --folder.")
    taken = [str(folder / file) for file in files if (folder / file).exists()]
    if taken:
        raise ConfigurationError(f"{', '.join(taken)} would be overwritten. Choose another name, or --folder.")
    console = output.console()
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        console.print(f"Wrote {path}", soft_wrap=True)

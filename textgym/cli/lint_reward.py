"""``textgym lint-reward``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from symtable import symtable
from types import ModuleType
from typing import Annotated, get_origin

import typer
from rich.console import Console
from rich.text import Text

from textgym import rewards
from textgym.checks.probes import Examples
from textgym.checks.reward_lint import Found, Report, lint, search
from textgym.cli import output
from textgym.envs import ENVIRONMENTS
from textgym.errors import ConfigurationError, UnknownNameError
from textgym.paths import user_path
from textgym.rewards.registry import EVALUATE
from textgym.rewards.scoring import Spec

DEFAULT_ID = "TextGen-Sentiment-v0"
LONGEST = 500  # characters of a problem, which may quote a text


def lint_reward(
    reward: Annotated[str, typer.Argument(metavar="NAME|FILE.py[:FUNCTION]", help="A registered reward, or your own.")],
    env_id: Annotated[
        str | None, typer.Option("--id", help="The task whose prompts are used; by default the one with this reward.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--data", help="Other data for the task, with the columns needed.")
    ] = None,
    rows: Annotated[int, typer.Option(min=2, help="How many rows of the data to use.")] = 32,
    split: output.Split = "validation",
    no_search: Annotated[bool, typer.Option("--no-search", help="Do not look for the text that scores most.")] = False,
) -> None:
    """Call a reward with a battery of texts, and look for the text that it likes best.

    Problems (it fails, it returns no finite number, its values change from call to call or with the rest of the batch)
    are errors, with exit status 1. Warnings tell of what is allowed, but seldom wanted.
    """
    console = output.console()
    env_id, _ = output.find_task(env_id or task_with(reward))
    spec = find_reward(reward)  # behind the task, whose module may register it
    examples = Examples(env_id, split, rows, reward=spec, env_kwargs={"dataset": dataset} if dataset else None)
    report = lint(examples)
    _print_report(console, report)
    if not no_search and not any(case.error for case in report.cases):  # a search would end with the first error
        with console.status("Looking for the text that scores most"):
            found = search(examples)
        _print_found(console, found)
    raise typer.Exit(int(bool(report.problems)))


def task_with(reward: str) -> str:
    """The id that is trained on a reward, else one that reports it, else `DEFAULT_ID`."""
    tasks = [env.task for env in ENVIRONMENTS.values() if env.task]
    trained = [task.id for task in tasks if task.reward_funcs == reward]
    reporting = [task.id for task in tasks if reward in (task.gold, *task.metrics)]
    return [*trained, *reporting, DEFAULT_ID][0]


def find_reward(reward: str) -> Spec:
    """A registered name as it is, or the function of a file.

    Raises:
        UnknownNameError: There is no such reward.
        ConfigurationError: The file is not there, does not run, or has not the function, or several.
    """
    path, _, name = (reward, "", "") if reward.endswith(".py") else reward.rpartition(":")
    if not path.endswith(".py") or reward.startswith(EVALUATE):
        rewards.get(reward)
        return reward
    module = output.run_own(user_path(path))
    if name:
        if not callable(getattr(module, name, None)):
            raise UnknownNameError(f"function of {path}", name, _functions(module))
        return getattr(module, name)
    functions = _functions(module)
    if len(functions) != 1:
        raise ConfigurationError(f"{path} has the functions {', '.join(functions) or '(none)'}. Name one: {path}:NAME")
    return getattr(module, functions[0])


def _functions(module: ModuleType) -> list[str]:
    """The public functions and callable objects that a module defines, not those that it imports."""
    file = str(module.__file__)
    source = importlib.util.decode_source(Path(file).read_bytes())
    return [
        symbol.get_name()
        for symbol in symtable(source, file, "exec").get_symbols()
        if symbol.is_assigned()
        and not symbol.get_name().startswith("_")
        and callable(value := getattr(module, symbol.get_name(), None))
        and not isinstance(value, type)
        and get_origin(value) is None  # list[str] can be called too
    ]


def _print_report(console: Console, report: Report) -> None:
    console.print(Text(f"{report.reward}: {report.rows} rows of {report.env_id}", style="bold"))
    numbers = ("mean", "lowest", "highest", "ms a text")
    table = output.table("text", *numbers, right=numbers)
    for case in report.cases:
        figures = [case.mean, min(case.numbers, default=None), max(case.numbers, default=None)]
        failed = case.error is not None
        table.add_row(case.name, *map(output.number, figures), "failed" if failed else f"{case.milliseconds:.2f}")
    console.print(table)
    everything = [value for case in report.cases for value in case.numbers]
    if everything:
        console.print(f"range: {min(everything):.3f} to {max(everything):.3f}")
    if report.ties is not None:
        console.print(f"ties: {report.ties:.0%} of the pairs of texts for one prompt score the same")
    if not report.problems:
        console.print("steady: called again, backwards and one by one, it gives the same values")
    for problem in report.problems:
        console.print(f"Problem: {output.one_line(problem, LONGEST)}", style="red", soft_wrap=True)
    for warning in report.warnings:
        console.print(f"Warning: {output.one_line(warning, LONGEST)}", style="yellow", soft_wrap=True)


def _print_found(console: Console, found: list[Found]) -> None:
    for result in found:
        console.print(f"\n{result.method}: {output.number(result.score)}")
        console.print(output.facts({"prompt": result.prompt, "completion": result.completion}))

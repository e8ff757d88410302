"""``textgym validate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from textgym.checks.validation import FileReport, SplitReport, check_file, check_folder, check_task
from textgym.cli import output
from textgym.cli.lint_reward import DEFAULT_ID, find_reward
from textgym.data.datasets import files_of_splits
from textgym.data.files import format_of
from textgym.envs import ENVIRONMENTS
from textgym.errors import ConfigurationError, DatasetError, MissingPackageError, RewardError
from textgym.paths import is_file, is_folder, user_path
from textgym.rewards.scoring import resolve

# data that is of no task has prompts and references of any length that textgym-tiny can read
OF_NO_TASK = {"max_prompt_tokens": 256, "max_new_tokens": 256}


def validate(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID|FILE|FOLDER]",
            help="A task; a .jsonl, .csv or .parquet file, or a folder with one per split; all tasks by default.",
        ),
    ] = None,
    env_id: Annotated[
        str | None, typer.Option("--id", help="The task whose data the file or folder is: its reward is checked too.")
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE.py[:FUNCTION]", help="The reward to check; the task's own by default."),
    ] = None,
    prompt_template: Annotated[
        str | None, typer.Option(help="What prompts are made of, such as 'Review: {text}'; the task's own by default.")
    ] = None,
) -> None:
    """Check that right answers score the maximum and wrong ones don't, or that data files can be used.

    No model is needed. For every row of every split of a task, its reference, another row's reference, a copy of the
    prompt, an empty text and random tokens are scored. So they are for your own data, if --id names the task that it
    is for, or --reward what it is scored by. Findings are printed, and the exit status is 1 if there are any.
    """
    console = output.console()
    path = None if what is None else user_path(what)
    if prompt_template is not None and env_id is None and reward is None:
        raise ConfigurationError("--prompt-template is for data that is scored. Name the task too: --id ID.")
    if path is not None and (_exists(path) or format_of(path)):
        options = {"prompt_template": prompt_template, "reward_funcs": None if reward is None else find_reward(reward)}
        given = {name: value for name, value in options.items() if value is not None}
        if env_id is None and reward is not None:
            findings = _data(console, path, DEFAULT_ID, {"dataset": path, **OF_NO_TASK, **given}, title=path.name)
        else:
            findings = _data(console, path, env_id, {"dataset": path, **given})
    elif env_id is not None or reward is not None:
        option = "--reward" if env_id is None else "--id"
        raise ConfigurationError(
            f"{option} is for the data of a file or a folder, and {what!r} is none. Give its path."
        )
    else:
        findings = _tasks(console, [*ENVIRONMENTS] if what is None else [what])
    for finding in findings:
        console.print(output.one_line(finding), style="red", soft_wrap=True)
    console.print(f"Findings: {len(findings)}." if findings else "Nothing is wrong.")
    raise typer.Exit(int(bool(findings)))


def _tasks(console: Console, ids: Sequence[str]) -> list[str]:
    """Print what the texts score; returns the findings."""
    findings = []
    for given in ids:
        env_id, task = output.find_task(given)
        try:
            findings += _scored(console, env_id, task.reward_funcs, check_task(env_id))
        except MissingPackageError as error:
            if len(ids) == 1:
                raise
            console.print(f"{env_id} is left out. {error}\n", style="yellow", soft_wrap=True)
    return findings


def _scored(console: Console, title: str, reward: str, reports: Sequence[SplitReport]) -> list[str]:
    """Print what the texts of each split score; returns the findings."""
    splits = [f"{report.split} ({report.rows:,})" for report in reports]
    table = output.table(f"{reward} of", *splits, right=splits)
    for kind in reports[0].means:
        table.add_row(kind, *(output.number(report.means.get(kind)) for report in reports))
    console.print(title, style="bold", soft_wrap=True)
    console.print(table)
    console.print()
    return [f"{title}, {report.split}: {finding}" for report in reports for finding in report.findings]


def _data(
    console: Console, path: Path, given: str | None, env_kwargs: Mapping[str, Any], title: str | None = None
) -> list[str]:
    """Print what the columns of files hold, and what their texts score in a task, if one is given; the findings."""
    found = None if given is None else output.find_task(given)
    if not _exists(path):
        raise DatasetError(
            f"There is no file {str(path)!r}. Check the path; the current folder is {str(Path.cwd())!r}."
        )
    templated = "prompt_template" in env_kwargs
    reports = (
        check_folder(path, templated=templated) if path.is_dir() else {path: check_file(path, templated=templated)}
    )
    findings = []
    for file, report in reports.items():
        _print_file(console, file, report)
        findings += [f"{file.name}: {finding}" if path.is_dir() else finding for finding in report.findings]
    if found is None or not all(report.rows for report in reports.values()):  # there is nothing to score
        return findings
    env_id, task = found
    reward, _ = resolve(env_kwargs.get("reward_funcs", task.reward_funcs))
    splits = [*files_of_splits(path)] if path.is_dir() else ["train"]  # the rows of a file are every split
    try:
        scored = check_task(env_id, splits, env_kwargs=env_kwargs)  # finds all that was found above
    except (ConfigurationError, DatasetError, RewardError) as error:  # a column is missing, or holds what it must not
        return [*dict.fromkeys([*findings, str(error)])]
    return _scored(console, title or env_id, reward, scored)


def _exists(path: Path) -> bool:
    return is_file(path) or is_folder(path)


def _print_file(console: Console, path: Path, report: FileReport) -> None:
    console.print(f"{path}: {f'{report.rows:,} rows' if report.rows else 'no row was read'}", soft_wrap=True)
    if report.columns:
        numbers = ("empty", "different", "longest text")
        table = output.table("column", "type", *numbers, right=numbers)
        for column in report.columns:
            counts = [f"{count:,}" for count in (column.empty, column.different)]
            longest = "" if column.longest is None else f"{column.longest:,}"
            table.add_row(output.one_line(column.name), ", ".join(column.types), *counts, longest)
        console.print(table)

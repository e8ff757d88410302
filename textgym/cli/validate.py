"""``textgym validate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from textgym.cli import output
from textgym.data.files import format_of
from textgym.envs import ENVIRONMENTS
from textgym.envs.task import Task
from textgym.errors import DatasetError, MissingPackageError
from textgym.validation import SplitReport, check_file, check_task


def validate(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[ID|FILE]", help="A task, or a .jsonl, .csv or .parquet file; all tasks by default."),
    ] = None,
) -> None:
    """Check that right answers score the maximum and wrong ones don't, or that a data file can be used.

    No model is needed. Of a task, every row of every split is scored: its reference, another row's, the prompt copied,
    nothing, random tokens. Findings are printed, and the exit status is 1 if there are any.
    """
    console = output.console()
    if what is not None and (Path(what).is_file() or format_of(Path(what))):
        findings = _file(console, Path(what).expanduser())
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
            reports = check_task(env_id)
        except MissingPackageError as error:
            if len(ids) == 1:
                raise
            console.print(f"{env_id} is left out. {error}\n", style="yellow", soft_wrap=True)
            continue
        console.print(env_id, style="bold")
        console.print(_table(task, reports))
        console.print()
        findings += [f"{env_id}, {report.split}: {finding}" for report in reports for finding in report.findings]
    return findings


def _table(task: Task, reports: Sequence[SplitReport]) -> Table:
    splits = [f"{report.split} ({report.rows:,})" for report in reports]
    table = output.table(f"{task.reward_funcs} of", *splits, right=splits)
    for kind in reports[0].means:
        table.add_row(kind, *(output.number(report.means.get(kind)) for report in reports))
    return table


def _file(console: Console, path: Path) -> list[str]:
    """Print what the columns hold; returns the findings."""
    if not path.is_file():
        raise DatasetError(
            f"There is no file {str(path)!r}. Check the path; the current folder is {str(Path.cwd())!r}."
        )
    report = check_file(path)
    console.print(f"{path}: {report.rows:,} rows")
    if report.columns:
        numbers = ("empty", "different", "longest text")
        table = output.table("column", "type", *numbers, right=numbers)
        for column in report.columns:
            counts = [f"{count:,}" for count in (column.empty, column.different)]
            longest = "" if column.longest is None else f"{column.longest:,}"
            table.add_row(output.one_line(column.name), ", ".join(column.types), *counts, longest)
        console.print(table)
    return report.findings

"""``textgym doctor``."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Annotated, Any

import typer

from textgym.cli import output
from textgym.errors import ConfigurationError
from textgym.paths import user_path

STATES = {True: ("right", "green"), False: ("WRONG", "red"), None: ("-", "dim")}


def doctor(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py|MODULE[:CLASS]",
            help="An agent, a file with make_agent; a policy class; or a file with the functions sample and log_prob.",
        ),
    ],
    env_id: Annotated[
        str, typer.Option("--id", help="The task whose prompts and vocabulary it knows.")
    ] = "TextGen-Solvable-v0",
) -> None:
    """Check that what samples, scores and trains a language model is right; the exit status is 1 if something is not.

    Nothing is trained, but for a few thousand tokens by coin, to see what the agent's step size destroys. Every check
    prints what it measured and the most that it may be, and what is wrong tells the remedy. A check that needs what was
    not given says so. A task that can be enumerated, the default, is examined in seconds.
    """
    from textgym.checks import doctor as checks  # torch

    env_id, _ = output.find_task(env_id)
    console = output.console()
    found = checks.examine(_subject(what), env_id)
    table = output.table("check", "", "figure", "at most", right=("figure", "at most"))
    for check in found:
        state, style = STATES[check.passed]
        figure = "" if check.passed is None else f"{check.figure:.2g}"
        table.add_row(check.name, state, figure, f"{check.threshold:g}", style=style)
    console.print(table)
    for check in found:
        told = ". ".join(filter(None, [check.note, "" if check.passed else check.remedy]))
        if told:
            console.print(output.one_line(f"{check.name}: {told}"), style=STATES[check.passed][1], soft_wrap=True)
    counts = [sum(check.passed is state for check in found) for state in (True, False, None)]
    console.print("Right: {}. Wrong: {}. Not applicable: {}.".format(*counts))
    raise typer.Exit(int(counts[1] > 0))


def _subject(what: str) -> Any:
    """A file's or a module's ``make_agent``, its two functions, or its class of a name.

    Raises:
        ConfigurationError: It is not there, does not run, or has none of them.
    """
    path, _, name = (what, "", "") if what.endswith(".py") else what.partition(":")
    module = output.run_own(user_path(path)) if path.endswith(".py") else _imported(path)
    if name:
        if not inspect.isclass(getattr(module, name, None)):
            raise ConfigurationError(f"{path} has no class {name!r}. Name a policy class of SB3.")
        return getattr(module, name)
    if callable(getattr(module, "make_agent", None)):
        return module.make_agent
    if all(callable(getattr(module, function, None)) for function in ("sample", "log_prob")):
        return module.sample, module.log_prob
    raise ConfigurationError(
        f"{path} has neither make_agent nor the two functions sample and log_prob. docs/doctor.md shows both."
    )


def _imported(module: str) -> ModuleType:
    output.import_own(module)
    return sys.modules[module]

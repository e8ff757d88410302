"""The command ``textgym``: see the tasks, try them, and check what you add to them.

Every command is a function of its own module, which prints what functions of the library return. An error that a user
can mend is one line, and exit status 2; what ``validate``, ``lint-reward`` and ``doctor`` find is status 1. Importing
this imports no torch.
"""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from typing import Annotated, Any

import gymnasium as gym
import typer
from typer.core import TyperGroup

from textgym.cli import doctor, lint_reward, listing, new, output, play, sample, show, validate
from textgym.errors import TextGymError


class Commands(TyperGroup):
    """The commands, whose errors are told in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # what an output cannot show must not end the command
        try:
            return super().invoke(ctx)
        except (TextGymError, gym.error.Error) as error:
            output.console(stderr=True).print(f"Error: {output.one_line(error)}", style="red", soft_wrap=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    name="textgym",
    cls=Commands,
    help="Text generation as a reinforcement-learning task: the tasks, the rewards, and checks of your own.",
    epilog=output.examples("textgym list", "textgym show TextGen-Sentiment-v0", "textgym new task haiku"),
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def show_version(asked: bool) -> None:
    """Print the installed version and end, if it is asked for."""
    if asked:
        output.console().print(f"textgym {version('textgym')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Do what an option before the command asks for."""


for name, command, lines in (
    ("list", listing.list_, ("textgym list", "textgym list rewards")),
    ("show", show.show, ("textgym show TextGen-Sentiment-v0",)),
    (
        "sample",
        sample.sample,
        ("textgym sample TextGen-Sentiment-v0 -n 3", "textgym sample TextGen-Arithmetic-v0 --split train --seed 1"),
    ),
    (
        "play",
        play.play,
        ("textgym play TextGen-Sentiment-v0", 'echo "a fine film" | textgym play TextGen-Sentiment-v0 --whole'),
    ),
    (
        "validate",
        validate.validate,
        (
            "textgym validate",
            "textgym validate TextGen-Arithmetic-v0",
            "textgym validate reviews.jsonl --id TextGen-Sentiment-v0",
            "textgym validate reviews.jsonl --reward my_rewards.py:politeness",
        ),
    ),
    (
        "lint-reward",
        lint_reward.lint_reward,
        ("textgym lint-reward rougeL", "textgym lint-reward my_rewards.py:politeness --id TextGen-Sentiment-v0"),
    ),
    (
        "doctor",
        doctor.doctor,
        (
            "textgym doctor agents/ppo.py",
            "textgym doctor my_trainer.py",
            "textgym doctor textgym.sb3:TransformerPolicy",
        ),
    ),
):
    app.command(name, help=output.paragraphs(command.__doc__), epilog=output.examples(*lines))(command)
app.add_typer(new.app, name="new")

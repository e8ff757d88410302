"""``textgym list``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from textgym import data, models, rewards
from textgym.cli import output
from textgym.envs import ENVIRONMENTS
from textgym.models import smollm2


class Kind(StrEnum):
    """What can be listed."""

    TASKS = "tasks"
    REWARDS = "rewards"
    DATASETS = "datasets"
    MODELS = "models"


def list_(kind: Annotated[Kind, typer.Argument(help="What to list.")] = Kind.TASKS) -> None:
    """List the tasks, or the rewards, data sets or models that go by a name."""
    console = output.console()
    match kind:
        case Kind.TASKS:
            _tasks(console)
        case Kind.REWARDS:
            table = output.table("reward", "needs", "of a completion")
            for name in rewards.names():
                columns, description = output.described_reward(name)
                table.add_row(Text(name, style="bold"), ", ".join(columns), output.one_line(description))
            console.print(table)
        case Kind.DATASETS:
            table = output.table("data set", "train/validation/test", "licence")
            for name in data.names():
                table.add_row(Text(name, style="bold"), output.sizes(name), output.licence(name))
            console.print(table)
        case Kind.MODELS:
            cards = {name: (models.folder(name) / "README.md").read_text(encoding="utf-8") for name in models.EMBEDDED}
            described = {name: output.first_sentence(card.split("\n\n")[1]) for name, card in cards.items()}
            described[smollm2.NAME] = output.first_sentence(smollm2)
            console.print(output.facts(described))


def _tasks(console: Console) -> None:
    """Two lines each, the first of which begins with the id."""
    console.print(f"{'id':<31}{'train/validation/test':<23}reward (gold)", style="bold")
    for env_id, env in ENVIRONMENTS.items():
        assert env.task is not None
        reward, gold = env.task.reward_funcs, env.task.gold
        judges = reward if gold == reward else f"{reward} ({gold})"
        line = Text.assemble((f"{env_id:<31}", "bold"), f"{output.sizes(env.task.dataset):<23}{judges}")
        console.print(line, soft_wrap=True)
        console.print(Padding(output.first_sentence(env), (0, 0, 0, 4)))

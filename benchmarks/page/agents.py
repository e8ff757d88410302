"""What an agent is: where its code is, with which hyperparameters and commands it was run."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.page.anchors import short_name
from benchmarks.suite import AgentEntry
from textgym.errors import TextGymError


class Setting(NamedTuple):
    """A hyperparameter: its value on most tasks, and on those where it is another, in words."""

    name: str
    value: str
    elsewhere: str


def description(agent: AgentEntry) -> str:
    """The first paragraph of its file's docstring; "" where there is none."""
    try:
        text = ast.get_docstring(ast.parse(agent.path.read_text(encoding="utf-8"))) or ""
    except (TextGymError, OSError, SyntaxError, ValueError):
        return ""
    return " ".join(text.partition("\n\n")[0].split())


def settings(rows: Sequence[report.Row]) -> list[Setting]:
    """The hyperparameters of an agent's rows, one for each task."""
    by_task = {row.env_id: row.finished[0].get("hyperparameters", {}) for row in rows if row.finished}
    names = dict.fromkeys(name for held in by_task.values() for name in held)
    found = []
    for name in names:
        values = {env_id: written(held[name]) for env_id, held in by_task.items() if name in held}
        usual, _ = Counter(values.values()).most_common(1)[0]
        others = [f"{short_name(env_id)} {value}" for env_id, value in values.items() if value != usual]
        found.append(Setting(name, usual, ", ".join(others)))
    return found


def chosen(rows: Sequence[report.Row]) -> list[str]:
    """How its hyperparameters were chosen, as the results say."""
    told: dict[str, list[str]] = {}
    for row in rows:
        for result in row.results[:1]:
            for held in (result.get("settings") or {}).values():
                told.setdefault(held["chosen"], []).append(short_name(row.env_id))
    return [f"{', '.join(dict.fromkeys(tasks))}: {how}" for how, tasks in told.items()]


def commands(rows: Sequence[report.Row]) -> list[str]:
    """The commands that its results were made by."""
    return [*dict.fromkeys(result["command"] for row in rows for result in row.results if "command" in result)]


def facts(rows: Sequence[report.Row]) -> dict[str, str]:
    """Where its code is, and its budget."""
    results = [result for row in rows for result in row.results]

    def each(name: str) -> str:
        return ", ".join(dict.fromkeys(written(result[name]) for result in results if name in result)) or "-"

    return {
        "File": each("file"),
        "Version": each("version"),
        "Training budget": f"{each('total_tokens')} tokens",
        "Overrides": each("overrides"),
    }


def written(value: Any) -> str:
    """A value as JSON has it, a text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

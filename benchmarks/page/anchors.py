"""What parts of the page are linked by, and by what agents are known in charts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.page.charts import Look
from benchmarks.suite import Suite


@dataclass(frozen=True)
class Anchors:
    """The ids of a suite's sections, and its agents' looks: the same everywhere on the page."""

    suite: Suite

    @cached_property
    def tasks(self) -> Mapping[str, str]:
        """Ids of the tasks' sections."""
        short = unique("task", [short_name(env_id) for env_id in self.suite.env_ids])
        return dict(zip(self.suite.env_ids, short, strict=True))

    @cached_property
    def agents(self) -> Mapping[str, str]:
        """Ids of the agents' sections."""
        names = [agent.name for agent in self.suite.agents]
        return dict(zip(names, unique("agent", names), strict=True))

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """How charts show agents."""
        return {agent.name: Look.of(n) for n, agent in enumerate(self.suite.agents)}

    def warnings(self, env_id: str) -> str:
        """The id of the warnings about a task."""
        return f"{self.tasks[env_id]}--warnings"

    def pair(self, first: str, second: str) -> str:
        """The id of the comparison of two agents."""
        return f"{self.agents[first]}--{self.agents[second]}"


def unique(kind: str, names: Sequence[str]) -> list[str]:
    """An id for each name, of letters that need no escape in a link; what is derived from it has two hyphens behind it.

    >>> unique("agent", ["ppo", "my ppo", "my--ppo"])
    ['agent-ppo', 'agent-my-ppo', 'agent-my-ppo-2']
    """
    found: list[str] = []
    for name in names:
        plain, n = f"{kind}-{re.sub('[^A-Za-z0-9_]+', '-', name).strip('-')}", 2
        candidate = plain
        while candidate in found:
            candidate, n = f"{plain}-{n}", n + 1
        found.append(candidate)
    return found


def short_name(env_id: str) -> str:
    """A task's name for tables and menus.

    >>> short_name("TextGen-DataToText-v0"), short_name("Mine-v1")
    ('DataToText', 'Mine-v1')
    """
    match = re.fullmatch(r"TextGen-(\w+)-v0", env_id)
    return match[1] if match else env_id

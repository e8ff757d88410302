"""A suite: which agents are run on which tasks, with which seeds and budgets. Declared in ``suites/<name>.toml``."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.results_io import ROOT
from textgym import evaluation
from textgym.errors import ConfigurationError, UnknownNameError

SUITES = Path(__file__).parent / "suites"
AGENTS = ROOT / "agents"


def code_hash(root: Path = ROOT) -> str:
    """SHA-256 of all code that a run is made by: textgym and the agents, with what agents share."""
    files = sorted(path for package in ("textgym", "agents") for path in (root / package).rglob("*.py"))
    content = [(path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True)
class AgentEntry:
    """One line of the board.

    Attributes:
        name: On the board.
        file: An agent of `agents` by its file's name, or a path to a user's own file; by default the name.
        total_tokens: Budget of training.
        overrides: Keywords of its ``make_agent``.
    """

    name: str
    file: str = ""
    total_tokens: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            UnknownNameError: There is none.
        """
        file = self.file or self.name
        path = Path(file) if file.endswith(".py") else AGENTS / f"{file}.py"
        if not path.is_file():
            known = [path.stem for path in AGENTS.glob("[!_]*.py")]
            hint = "There is no such file." if file.endswith(".py") else "The path of a .py file also works."
            raise UnknownNameError("agent", file, known, hint)
        return path

    @property
    def source_hash(self) -> str:
        """SHA-256 of the file, which `code_hash` does not cover where it is a user's own."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def make(self) -> Callable[..., Any]:
        """The file's ``make_agent``.

        Raises:
            ConfigurationError: It has none, or cannot be imported.
        """
        try:
            make_agent = getattr(_module(self.path.resolve()), "make_agent", None)
        except (Exception, SystemExit) as error:  # whatever a user's file raises
            raise ConfigurationError(
                f"{self.path} cannot be imported ({type(error).__name__}: {error}). Mend it, or install what it needs."
            ) from error
        if not callable(make_agent):
            raise ConfigurationError(
                f"{self.path} has no function make_agent(env_id, *, seed, total_tokens, **overrides)."
            )
        return make_agent


@dataclass(frozen=True)
class Suite:
    """Everything that defines a board; see ``suites/quick.toml`` for the fields.

    Raises:
        ConfigurationError: There is nothing to run, or twice the same; a number is none; or no agent of the suite goes
            by a name that it is given.
    """

    name: str
    env_ids: tuple[str, ...]
    agents: tuple[AgentEntry, ...]
    seeds: tuple[int, ...]
    split: str
    num_envs: int
    reference: str
    zero: str
    one: str
    report: dict[str, Any]
    num_examples: int | None = None  # all
    gold: str = evaluation.TASKS_OWN
    env_kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [agent.name for agent in self.agents]
        for field_name, values in {"env_ids": self.env_ids, "seeds": self.seeds, "agents": names}.items():
            if not values:
                raise ConfigurationError(f"Suite {self.name!r} has no {field_name}. Give at least one.")
            if twice := {value for value in values if values.count(value) > 1}:
                raise ConfigurationError(
                    f"Suite {self.name!r} has {', '.join(map(str, twice))} twice among its {field_name}. "
                    "Rename one (an agent is called like its file), or leave it out."
                )
        least = {"num_envs": (self.num_envs, 1)}
        least |= {} if self.num_examples is None else {"num_examples": (self.num_examples, 1)}
        least |= {"report.examples": (self.report["examples"], 1)}
        least |= {f"seeds[{i}]": (seed, 0) for i, seed in enumerate(self.seeds)}
        least |= {f"total_tokens of {agent.name}": (agent.total_tokens, 0) for agent in self.agents}
        for field_name, (value, minimum) in least.items():
            if not isinstance(value, int) or value < minimum:
                raise ConfigurationError(
                    f"Suite {self.name!r}: {field_name} is {value!r}. Give a whole number from {minimum} on."
                )
        roles = {"zero": self.zero, "one": self.one}
        roles |= {f"report.{role}": self.report[role] for role in ("before", "after")}
        for role, name in roles.items():
            if name not in names:
                raise ConfigurationError(f"Suite {self.name!r}, {role}: {UnknownNameError('agent', name, names)}")

    def with_agents(self, files: Sequence[str]) -> Suite:
        """The suite with users' own agents, which get the largest budget that one of the suite's has."""
        budget = max(agent.total_tokens for agent in self.agents)
        return replace(self, agents=(*self.agents, *(AgentEntry(Path(file).stem, file, budget) for file in files)))

    @property
    def task(self) -> dict[str, Any]:
        """Keywords of `evaluation.task_hash`, and of `evaluation.evaluate_agent`."""
        names = ("split", "num_examples", "reference", "gold", "env_kwargs")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Cell:
    """One cell of the board: an agent on a task with a seed, and where its result is, or will be."""

    env_id: str
    agent: AgentEntry
    seed: int
    path: Path


@dataclass(frozen=True)
class Run(Cell):
    """A cell that can be performed.

    Attributes:
        config: What defines it, whose hash is part of the path.
        spec: The environment's, as Gymnasium writes it.
        tokens: That it takes at most: its budget, and the test's texts with their prompts.
    """

    config: dict[str, Any]
    spec: dict[str, Any]
    tokens: int


def load_suite(name: str) -> Suite:
    """Read a suite.

    Args:
        name: Of a file of ``suites/``, or the path of a TOML file.

    Raises:
        UnknownNameError: There is no such suite.
        ConfigurationError: The file is no TOML, a field is missing or unknown, or see `Suite`.
    """
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not path.is_file():
        raise UnknownNameError("suite", name, [path.stem for path in SUITES.glob("*.toml")], "A TOML file also works.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        agents = tuple(AgentEntry(**entry) for entry in content.pop("agents"))
        env_ids, seeds = tuple(content.pop("env_ids")), tuple(content.pop("seeds"))
        return Suite(name=path.stem, agents=agents, env_ids=env_ids, seeds=seeds, **content)
    except (KeyError, TypeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no suite: {error}. suites/quick.toml shows the fields.") from error


def plan(suite: Suite, results: Path) -> list[Run]:
    """All runs of a suite, in order.

    What is hashed into a run's path decides whether a result that is there can stand for it.
    """
    runs, code = [], code_hash()
    for env_id in suite.env_ids:
        task_hash = evaluation.task_hash(env_id, **suite.task)
        env = evaluation.make_env(env_id, 1, suite.split, suite.env_kwargs)
        assert env.spec is not None
        spec, width = json.loads(env.spec.to_json()), env.reset()[0]["input_ids"].shape[1]
        for agent in suite.agents:
            config = {
                "env_id": env_id,
                "agent": agent.name,
                "file": agent.path.name,
                "source_hash": agent.source_hash,
                "code_hash": code,
                "total_tokens": agent.total_tokens,
                "overrides": agent.overrides,
                "num_envs": suite.num_envs,
                "task": suite.task,
                "task_hash": task_hash,
            }
            short = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]
            folder = agent_folder(results, suite, env_id, agent) / short
            tokens = agent.total_tokens + (suite.num_examples or len(env.dataset)) * width
            for seed in suite.seeds:
                runs.append(Run(env_id, agent, seed, folder / f"seed-{seed:03}.json", config, spec, tokens))
    return runs


def published(suite: Suite, results: Path) -> list[Cell]:
    """The cells of a suite by the names of tasks and agents alone: results stay published while the code goes on.

    Raises:
        ConfigurationError: There are several results for one cell.
    """
    cells = []
    for env_id, agent, seed in itertools.product(suite.env_ids, suite.agents, suite.seeds):
        folder, file = agent_folder(results, suite, env_id, agent), f"seed-{seed:03}.json"
        paths = sorted(folder.glob(f"*/{file}")) or [folder / file]
        if len(paths) > 1:
            raise ConfigurationError(
                f"{agent.name} on {env_id}, seed {seed}, has {len(paths)} results: {', '.join(map(str, paths))}. "
                "Delete the folders of those that are no longer meant."
            )
        cells.append(Cell(env_id, agent, seed, paths[0]))
    return cells


def agent_folder(results: Path, suite: Suite, env_id: str, agent: AgentEntry) -> Path:
    """Where the results of an agent on a task are, in a folder for each configuration."""
    return results / suite.name / env_id.replace("/", "__") / agent.name


def _module(path: Path) -> ModuleType:
    """Import a file, wherever it is."""
    spec = importlib.util.spec_from_file_location(f"_agent_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module

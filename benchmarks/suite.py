"""A suite: which agents are run on which tasks, with which seeds and budgets. Declared in ``suites/<name>.toml``."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import itertools
import json
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym

from agents._settings import budget, settings_of
from benchmarks.reported import plain
from benchmarks.results_io import ROOT, SCHEMA_VERSION, read_run
from textgym import evaluation
from textgym.errors import ConfigurationError, TextGymError, UnknownNameError, error_text, shown
from textgym.evaluation.source import essence
from textgym.paths import is_file
from textgym.redaction import redacted_values

SUITES = Path(__file__).parent / "suites"
AGENTS = ROOT / "agents"
NAME = re.compile(r"[\w+=-][\w.+= -]*")  # becomes a folder's
LONGEST_NAME = 200  # bytes
# what makes two results comparable, with the agent's settings for the task, if it has any; with which seed, and where
# and by which code they were made, they say besides
IDENTITY = (
    "env_id", "agent", "file", "source_hash", "version", "total_tokens", "overrides", "num_envs", "task", "task_hash",
)  # fmt: skip


def code_hash(root: Path = ROOT) -> str:
    """SHA-256 of all code that a run is made by: textgym and the agents, with what agents share."""
    files = sorted(path for package in ("textgym", "agents") for path in (root / package).rglob("*.py"))
    content = [(path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True)
class AgentEntry:
    """One line of the board.

    Attributes:
        name: What the board calls it.
        file: An agent of `agents` by its file's name, or a path to a user's own file; by default the name.
        total_tokens: Budget of training; None for the one that its settings for the task were chosen for, or 0.
        overrides: Keywords of its ``make_agent``, which go before its settings.

    Raises:
        ConfigurationError: A field is of another type, or the name cannot be a folder's.
    """

    name: str
    file: str = ""
    total_tokens: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name("agent", self.name)
        require_types(f"Agent {self.name!r}", {"file": (self.file, str), "overrides": (self.overrides, dict)})
        plain(self.overrides, f"overrides of {self.name}")

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            UnknownNameError: There is none.
        """
        file = self.file or self.name
        path = Path(file) if file.endswith(".py") else AGENTS / f"{file}.py"
        if not is_file(path):
            if file.endswith(".py"):
                raise ConfigurationError(
                    f"There is no file {file!r}. Check the path; the current folder is {Path.cwd()}."
                )
            known = [path.stem for path in AGENTS.glob("[!_]*.py")]
            raise UnknownNameError("agent", file, known, "The path of a .py file also works.")
        return path

    @property
    def source_hash(self) -> str:
        """SHA-256 of the code of the file and of the files of `agents` that it imports, without comments."""
        code = [[path.name, essence(_source(path))] for path in parts(self.path)]
        return hashlib.sha256(json.dumps(code).encode()).hexdigest()

    def settings(self, env_id: str) -> dict[str, Any]:
        """What the TOML files beside those files say for a task (`agents._settings`), by the names of the files."""
        found = {path.name: settings_of(path, env_id) for path in parts(self.path)}
        return {name: asdict(settings) for name, settings in found.items() if settings}

    def budget(self, env_id: str) -> int:
        """The tokens that it trains on."""
        return budget(self.path, env_id) if self.total_tokens is None else self.total_tokens

    @property
    def version(self) -> int:
        """What the file declares as ``version``, 0 without: raised when its results may change by code elsewhere.

        Raises:
            ConfigurationError: It is no whole number.
        """
        for node in ast.parse(_source(self.path)).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["version"]:
                value = node.value.value if isinstance(node.value, ast.Constant) else None
                if type(value) is not int or value < 0:
                    raise ConfigurationError(
                        f"{self.path}, line {node.lineno}: version is {ast.unparse(node.value)}. Give a whole number "
                        "from 0 on."
                    )
                return value
        return 0

    def make(self) -> Callable[..., Any]:
        """The file's ``make_agent``.

        Raises:
            ConfigurationError: It has none, or cannot be imported.
        """
        try:
            make_agent = getattr(_module(self.path.resolve()), "make_agent", None)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever else a user's file raises
            raise ConfigurationError(
                f"{self.path} cannot be imported ({error_text(error)}). Mend it, or install what it needs."
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
        require_name("suite", self.name)
        texts: dict[str, tuple[Any, type]] = {
            name: (getattr(self, name), str) for name in ("split", "reference", "zero", "one", "gold")
        }
        texts |= {f"env_ids[{i}]": (env_id, str) for i, env_id in enumerate(self.env_ids)}
        tables: dict[str, tuple[Any, type]] = {name: (getattr(self, name), dict) for name in ("report", "env_kwargs")}
        require_types(f"Suite {self.name!r}", texts | tables)
        plain(self.env_kwargs, f"env_kwargs of the suite {self.name}")
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
        least |= {f"total_tokens of {agent.name}": (agent.total_tokens or 0, 0) for agent in self.agents}
        for field_name, (value, minimum) in least.items():
            if type(value) is not int or value < minimum:
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
        most = max(agent.budget(env_id) for agent in self.agents for env_id in self.env_ids)
        return replace(self, agents=(*self.agents, *(AgentEntry(Path(file).stem, file, most) for file in files)))

    @property
    def task(self) -> dict[str, Any]:
        """Keywords of `evaluation.task_hash`, and of `evaluation.evaluate_agent`."""
        names = ("split", "num_examples", "reference", "gold", "env_kwargs")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Cell:
    """One cell of the board: an agent on a task with a seed, and where its result is, or will be.

    Attributes:
        env_id: The task.
        agent: The agent.
        seed: The run's seed.
        path: The result's.
        config: What defines it today, by `IDENTITY`; None where the task cannot be made here.
    """

    env_id: str
    agent: AgentEntry
    seed: int
    path: Path
    config: dict[str, Any] | None

    def result(self) -> dict[str, Any] | None:
        """What was run, or None.

        Raises:
            ConfigurationError: The file is no result (`read_run`), or that of another cell.
        """
        result = read_run(self.path)
        own = {"env_id": self.env_id, "agent": self.agent.name, "seed": self.seed}
        for key, value in own.items():
            if result is not None and result[key] != value:
                raise ConfigurationError(
                    f"{self.path} lies where the result of {key} {value!r} belongs, and is that of {result[key]!r}. "
                    "Move it back, or delete it to run it again."
                )
        return result

    def outdated(self, result: dict[str, Any]) -> bool:
        """Whether a result is of another schema, task, agent or configuration than today's."""
        if self.config is None or result["schema_version"] != SCHEMA_VERSION:
            return True
        today = {"settings": None} | self.config
        return any(result.get(key) != value for key, value in redacted_values(today).items())


@dataclass(frozen=True)
class Run(Cell):
    """A cell that can be performed.

    Attributes:
        config: What defines it, whose hash is part of the path.
        spec: The environment's, as Gymnasium writes it.
        tokens: The most that it can take: its budget, and the texts of the evaluation with their prompts.
    """

    config: dict[str, Any]
    spec: dict[str, Any]
    tokens: int


def load_suite(name: str) -> Suite:
    """Read a suite.

    Args:
        name: A file of ``suites/`` by its name, or the path of a TOML file.

    Raises:
        UnknownNameError: There is no such suite.
        ConfigurationError: The file is no TOML, a field is missing or unknown, or see `Suite`.
    """
    path = Path(name) if name.endswith(".toml") else SUITES / f"{name}.toml"
    if not is_file(path):
        raise UnknownNameError("suite", name, [path.stem for path in SUITES.glob("*.toml")], "A TOML file also works.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        required = {each.name for each in fields(Suite) if each.default is each.default_factory is MISSING} - {"name"}
        if missing := sorted(required - content.keys()):
            raise ConfigurationError(
                f"{path} is no suite: it has no {', '.join(missing)}. suites/quick.toml shows them."
            )
        agents = tuple(AgentEntry(**entry) for entry in content.pop("agents"))
        env_ids, seeds = tuple(content.pop("env_ids")), tuple(content.pop("seeds"))
        return Suite(name=path.stem, agents=agents, env_ids=env_ids, seeds=seeds, **content)
    except (KeyError, TypeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no suite: {error}. suites/quick.toml shows the fields.") from error


def plan(suite: Suite, results: Path, reuse: Path | None = None) -> list[Run]:
    """All runs of a suite, in order.

    What is hashed into a run's path decides whether a result that is there can stand for it.

    Args:
        suite: What is to be run.
        results: The folder of the results.
        reuse: Another one, whose finished runs stand for those that ``results`` lacks.
    """
    runs = []
    for env_id in suite.env_ids:
        env = evaluation.make_env(env_id, 1, suite.split, suite.env_kwargs)
        single = gym.make(env_id, **{**suite.env_kwargs, "split": suite.split}).spec  # of keywords that are JSON
        assert single is not None
        spec, width = json.loads(single.to_json()), env.reset()[0]["input_ids"].shape[1]
        for agent, config in zip(suite.agents, configs(suite, env_id), strict=True):
            short = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]
            tokens = agent.budget(env_id) + (suite.num_examples or len(env.dataset)) * width
            for seed in suite.seeds:
                own, *others = (
                    agent_folder(folder, suite, env_id, agent) / short / f"seed-{seed:03}.json"
                    for folder in (results, *([reuse] if reuse else []))
                )
                path = next((path for path in others if not own.exists() and _finished(path)), own)
                runs.append(Run(env_id, agent, seed, path, config, spec, tokens))
    return runs


def _finished(path: Path) -> bool:
    result = read_run(path)
    return result is not None and result["status"] == "finished"


def configs(suite: Suite, env_id: str) -> list[dict[str, Any]]:
    """What defines the runs of each agent on a task, by `IDENTITY`."""
    task_hash = evaluation.task_hash(env_id, **suite.task)
    found = []
    for agent in suite.agents:
        own = (env_id, agent.name, agent.path.name, agent.source_hash, agent.version, agent.budget(env_id))
        values = (*own, agent.overrides, suite.num_envs, suite.task, task_hash)
        settings = agent.settings(env_id)
        found.append(dict(zip(IDENTITY, values, strict=True)) | ({"settings": settings} if settings else {}))
    return found


def published(suite: Suite, results: Path) -> list[Cell]:
    """The cells of a suite by the names of tasks and agents alone: results stay published while the code goes on.

    Raises:
        ConfigurationError: There are several results for one cell.
    """
    cells = []
    for env_id in suite.env_ids:
        try:
            today: Sequence[dict[str, Any] | None] = configs(suite, env_id)
        except TextGymError:  # a package is missing
            today = [None] * len(suite.agents)
        for (agent, config), seed in itertools.product(zip(suite.agents, today, strict=True), suite.seeds):
            folder, file = agent_folder(results, suite, env_id, agent), f"seed-{seed:03}.json"
            paths = sorted(folder.glob(f"*/{file}")) or [folder / file]
            if len(paths) > 1:
                raise ConfigurationError(
                    f"{agent.name} on {env_id}, seed {seed}, has {len(paths)} results: {', '.join(map(str, paths))}. "
                    "Delete the folders of those that are no longer meant."
                )
            cells.append(Cell(env_id, agent, seed, paths[0], config))
    return cells


def agent_folder(results: Path, suite: Suite, env_id: str, agent: AgentEntry) -> Path:
    """Where the results of an agent on a task are, in a folder for each configuration."""
    return results / suite.name / env_id.replace("/", "__") / agent.name


def parts(path: Path) -> list[Path]:
    """A file and the files of `agents` that it imports, directly or not, in the order of their names."""
    found, todo = set[Path](), [path]
    while todo:
        if (file := todo.pop()) in found:
            continue
        found.add(file)
        files = [AGENTS.parent.joinpath(*name.split(".")[:2]).with_suffix(".py") for name in _imported(_source(file))]
        todo += [file for file in files if file.parent == AGENTS and file.is_file()]
    return sorted(found, key=lambda file: file.name)


@cache
def _imported(source: str) -> list[str]:
    """The modules that code imports, and what it imports of them."""
    imported = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names] + [str(node.module)]
        imported += names
    return imported


def require_name(kind: str, name: Any) -> None:
    """Refuse the name of an agent or suite that would lead its results out of their folder."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name.encode()) > LONGEST_NAME:
        raise ConfigurationError(
            f"The {kind}'s name is {shown(name)}. It names a folder of results: give at most {LONGEST_NAME} letters, "
            "digits, spaces or any of _ - + = . (not in front)."
        )


def require_types(owner: str, values: dict[str, tuple[Any, type]]) -> None:
    """Refuse fields of another type."""
    kinds: dict[type, str] = {str: "a text", dict: "a table"}
    for name, (value, kind) in values.items():
        if not isinstance(value, kind):
            raise ConfigurationError(f"{owner}: {name} is {shown(value)}. Give {kinds[kind]}.")


def _source(path: Path) -> str:
    """The text of a Python file.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        source = path.read_text(encoding="utf-8")
        ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be imported ({error_text(error)}). Mend it.") from error
    return source


def _module(path: Path) -> ModuleType:
    """Import a file, wherever it is."""
    spec = importlib.util.spec_from_file_location(f"_agent_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module

"""Hyperparameters by Optuna (extra ``sweeps``), chosen on the validation split and never on the test split.

    python -m benchmarks.sweep --agent ppo --id TextGen-Sentiment-v0 --trials 30          # prints the best settings
    python -m benchmarks.sweep --agent ppo --id TextGen-Sentiment-v0 --trials 30 --write  # into agents/ppo.toml, too

A sweep is kept on disk: killed at any moment, the same command goes on with the trial that it lost, and with more
trials it goes on from where it was. What is tried is the same with kills and without. One process sweeps at a time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.utils import set_random_seed

from agents._settings import settings_of, settled
from benchmarks.perform import resolved
from benchmarks.report import number
from benchmarks.results_io import ROOT, provenance, write_atomic
from benchmarks.suite import AgentEntry
from textgym.errors import ConfigurationError, MissingPackageError, TextGymError, UnknownNameError, error_text
from textgym.evaluation import evaluate_agent

SPACES = Path(__file__).parent / "spaces"
SPLIT = "validation"
FIRST_SEED = 100  # the board's are below
REPORTED = ("return", "gold", "kl", "distinct_2", "invalid_words", "length")
DIGITS = ".3g"  # of what is drawn from a range: settings that a person can read
SHOWN = 10  # trials

Space = dict[str, list[Any] | dict[str, Any]]


def load_space(path: Path) -> Space:
    """A search space: for each hyperparameter a list of values, or a table with ``low``, ``high`` and, if so, ``log``.

    Raises:
        ConfigurationError: The file cannot be read, or holds something else.
    """
    try:
        space = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} is no search space ({error_text(error)}). {SPACES} has some.") from error
    for name, choices in space.items():
        is_range = isinstance(choices, dict) and {"low", "high"} <= choices.keys() <= {"low", "high", "log"}
        if not is_range and not (isinstance(choices, list) and choices):
            raise ConfigurationError(
                f"{path}: {name} is {choices!r}. Give a list of values, or {{ low = 1e-5, high = 1e-3, log = true }}."
            )
    return space


def drawn(trial: Any, space: Space) -> dict[str, Any]:
    """What a trial tries."""
    values = {}
    for name, choices in space.items():
        if isinstance(choices, list):
            values[name] = choices[trial.suggest_int(name, 0, len(choices) - 1)]  # Optuna stores numbers of any choice
        elif all(isinstance(choices[end], int) for end in ("low", "high")):
            values[name] = trial.suggest_int(name, **choices)
        else:
            values[name] = float(format(trial.suggest_float(name, **choices), DIGITS))
    return values


def fixed(hyperparameters: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Those that are not chosen: of these only the settings decide."""
    return {name: value for name, value in hyperparameters.items() if name not in space}


class Sweep:
    """The trials of an agent on a task, on disk.

    Args:
        agent: The agent.
        env_id: The task.
        space: What is chosen from.
        tokens: The budget of a training.
        seeds: Those of a trial, whose figures are means over them.
        num_examples: How many of the validation split are evaluated, the first ones; None for all.
        metric: What is maximised, one of the evaluation's.
        storage: The file.

    Attributes:
        study: Optuna's. Its name has a hash of all that decides a trial: what was tried otherwise is another sweep.

    Raises:
        MissingPackageError: Optuna is not installed.
    """

    def __init__(
        self,
        agent: AgentEntry,
        env_id: str,
        space: Space,
        *,
        tokens: int,
        seeds: Sequence[int],
        num_examples: int | None,
        metric: str,
        storage: Path,
    ) -> None:
        try:
            import optuna
        except ImportError as error:
            raise MissingPackageError("A sweep needs the package optuna: pip install 'textgym[sweeps]'") from error
        self.optuna = optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.agent, self.env_id, self.space, self.metric = agent, env_id, space, metric
        self.tokens, self.seeds, self.num_examples = tokens, seeds, num_examples
        settings = {file: fixed(own["hyperparameters"], space) for file, own in agent.settings(env_id).items()}
        settings = {file: own for file, own in settings.items() if own}
        content = [agent.source_hash, settings, space, tokens, [*seeds], num_examples, metric]
        short = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]
        storage.parent.mkdir(parents=True, exist_ok=True)
        self.study = optuna.create_study(
            storage=f"sqlite:///{storage}",
            study_name=f"{agent.name} {env_id} {short}",
            direction="maximize",
            load_if_exists=True,
        )

    @property
    def done(self) -> list[Any]:
        """The trials that have ended, by a figure or by an error; those that were killed are no trials."""
        complete = self.optuna.trial.TrialState.COMPLETE
        return [trial for trial in self.study.trials if trial.state == complete or "error" in trial.user_attrs]

    def take_up(self) -> None:
        """Queue again what the process before this one was killed in."""
        states = self.optuna.trial.TrialState
        for trial in self.study.get_trials(states=(states.RUNNING,)):
            if trial.params:
                self.study.enqueue_trial(trial.params)
            self.study.tell(trial.number, state=states.FAIL)

    def step(self, device: str) -> Any:
        """Perform a trial; returns it, with its figures or its error among its attributes."""
        # by the number of trials, and not by how often it was killed
        self.study.sampler = self.optuna.samplers.TPESampler(seed=FIRST_SEED + len(self.done))
        trial = self.study.ask()
        hyperparameters = drawn(trial, self.space)
        trial.set_user_attr("hyperparameters", hyperparameters)
        try:
            found = [self.measured(seed, hyperparameters, device) for seed in self.seeds]
            means = {name: mean([metrics.get(name) for metrics in found]) for name in (*REPORTED, self.metric)}
            if means[self.metric] is None:
                raise ConfigurationError(f"The evaluation has no {self.metric}. It has: {', '.join(found[0])}.")
        except Exception as error:  # whatever an agent raises of settings that do not fit one another
            trial.set_user_attr("error", error_text(error))
            self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)
        else:
            trial.set_user_attr("metrics", means)
            self.study.tell(trial, means[self.metric])
        return self.study.trials[trial.number]

    def measured(self, seed: int, hyperparameters: Mapping[str, Any], device: str) -> dict[str, float | None]:
        """Train with a seed, and evaluate on the validation split."""
        make_agent = self.agent.make()
        keywords: dict[str, Any] = {"seed": seed, "device": device}
        set_random_seed(seed)
        agent = make_agent(self.env_id, total_tokens=self.tokens, **keywords, **hyperparameters)
        set_random_seed(seed)
        return evaluate_agent(agent, self.env_id, split=SPLIT, num_examples=self.num_examples, **keywords).metrics

    @property
    def best(self) -> Any:
        """The trial with the largest figure.

        Raises:
            ConfigurationError: None has any.
        """
        try:
            return self.study.best_trial
        except ValueError as error:
            errors = {trial.user_attrs["error"] for trial in self.done}
            raise ConfigurationError(
                f"No trial has ended with a figure: {'; '.join(sorted(errors))}. Mend the space."
            ) from error

    def settings(self, command: str) -> str:
        """The best trial as a table of the agent's TOML (`agents._settings`), and how it was chosen."""
        found = settled(self.agent.path, self.env_id, self.best.user_attrs["hyperparameters"])
        examples = "all" if self.num_examples is None else f"the first {self.num_examples}"
        chosen = (
            f"by {self.metric} on {examples} examples of the {SPLIT} split, mean of seeds "
            f"{', '.join(map(str, self.seeds))}: {self.best.value:.3f}, the best of {len(self.done)} trials of "
            f"Optuna's; `{command}`, commit {str(provenance()['commit'])[:12]}"
        )
        lines = [
            f"[{self.env_id}]",
            f"chosen = {json.dumps(chosen, ensure_ascii=False)}",
            f"total_tokens = {self.tokens}",
            f"[{self.env_id}.hyperparameters]",
            *(f"{name} = {json.dumps(value)}" for name, value in found.items()),
        ]
        return "\n".join(lines) + "\n"


def with_table(content: str, env_id: str, table: str) -> str:
    """The content of an agent's TOML with a task's table, in place of the one that it has, or behind all others."""
    before, own, after = list[str](), list[str](), list[str]()
    part = before
    for line in content.splitlines():
        if line.startswith("["):
            if line.startswith((f"[{env_id}]", f"[{env_id}.")):
                part = own
            elif part is own:
                part = after
        part.append(line)
    pieces = ["\n".join(before).rstrip(), table.rstrip(), "\n".join(after).rstrip()]
    return "\n\n".join(filter(None, pieces)) + "\n"


def write_settings(agent: AgentEntry, env_id: str, table: str) -> Path:
    """Write a table into the TOML beside an agent's file; returns its path."""
    path = agent.path.with_suffix(".toml")
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_atomic(path, with_table(before, env_id, table))
    assert settings_of(agent.path, env_id) is not None
    return path


def mean(values: Sequence[float | None]) -> float | None:
    """Of numbers; None where one is missing."""
    return None if None in values else float(np.mean([value for value in values if value is not None]))


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Command line.

    Returns:
        0, 2 for bad arguments, 130 if interrupted.
    """
    args = parser().parse_args(arguments)
    console = console or Console()
    command = shlex.join(["python", "-m", "benchmarks.sweep", *(sys.argv[1:] if arguments is None else arguments)])
    try:
        sweep = sweep_of(args)
        device = resolved(args.device)
        sweep.take_up()
        console.print(f"{len(sweep.done)} of {args.trials} trials done before", highlight=False)
        while len(sweep.done) < args.trials:
            console.print(one_line(sweep.step(device)), markup=False, highlight=False, soft_wrap=True)
        console.print(table_of(sweep))
        settings = sweep.settings(command)
        console.print(settings, markup=False, highlight=False, soft_wrap=True)
        if args.write:
            console.print(f"Written to {write_settings(sweep.agent, args.id, settings)}", soft_wrap=True)
    except (TextGymError, gym.error.Error) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("Interrupted. The trials are kept: the same command goes on from here.")
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sweep", description="Choose an agent's hyperparameters on the validation split."
    )
    parser.add_argument("--agent", required=True, help="one of agents/, or the path of a file with make_agent")
    parser.add_argument("--id", required=True, help="the task, such as TextGen-Sentiment-v0")
    parser.add_argument("--space", type=Path, metavar="FILE", help="default: benchmarks/spaces/<agent>.toml")
    parser.add_argument("--trials", type=int, required=True, help="those that were done before included")
    parser.add_argument("--tokens", type=int, help="budget of a training (default: that of the agent's settings)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[FIRST_SEED], help=f"from {FIRST_SEED} on")
    parser.add_argument("--examples", type=int, help="how many are evaluated (default: all)")
    parser.add_argument("--metric", default="return", help="what is maximised (default: return)")
    parser.add_argument("--storage", type=Path, default=ROOT / "build" / "sweeps.sqlite", metavar="FILE")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
    parser.add_argument("--write", action="store_true", help="write the best settings into the agent's TOML")
    return parser


def sweep_of(args: argparse.Namespace) -> Sweep:
    """The sweep that is meant.

    Raises:
        UnknownNameError: There is no space of the agent's name.
        ConfigurationError: A seed is one of the board's, or there is no budget.
    """
    agent = AgentEntry(Path(args.agent).stem, args.agent)
    space = args.space or SPACES / f"{agent.name}.toml"
    if not space.is_file():
        raise UnknownNameError("space", str(space), [path.stem for path in SPACES.glob("*.toml")], "Give --space FILE.")
    if min(args.seeds) < FIRST_SEED:
        raise ConfigurationError(f"--seeds {min(args.seeds)}: the board's seeds begin at 0. Give some from 100 on.")
    tokens = args.tokens or agent.budget(args.id)
    if not tokens:
        raise ConfigurationError(f"{agent.name} has no settings for {args.id} that say a budget. Give --tokens.")
    return Sweep(
        agent, args.id, load_space(space), tokens=tokens, seeds=args.seeds, num_examples=args.examples,
        metric=args.metric, storage=args.storage,
    )  # fmt: skip


def one_line(trial: Any) -> str:
    """What came out of a trial."""
    tried = ", ".join(f"{name} {value}" for name, value in trial.user_attrs["hyperparameters"].items())
    outcome = trial.user_attrs.get("error") or f"{trial.value:.3f}"
    return f"trial {trial.number}: {outcome} ({tried})"


def table_of(sweep: Sweep) -> Table:
    """The best trials, and what else is known of them: a reward that rises while the others fall is a hacked one."""
    table = Table("trial", *sweep.space, *dict.fromkeys((sweep.metric, *REPORTED)))
    ended = sorted((trial for trial in sweep.done if trial.value is not None), key=lambda trial: -trial.value)
    for trial in ended[:SHOWN]:
        tried, metrics = trial.user_attrs["hyperparameters"], trial.user_attrs["metrics"]
        figures = [number(metrics[name], ".3f") for name in dict.fromkeys((sweep.metric, *REPORTED))]
        table.add_row(str(trial.number), *map(str, tried.values()), *figures)
    return table


if __name__ == "__main__":
    raise SystemExit(main())

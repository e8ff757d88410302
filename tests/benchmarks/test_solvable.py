"""The benchmark of regret: its table names what exists, and a short training gains something."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agents._settings import settings_of
from benchmarks import solvable
from textgym.checks import exact


def test_a_short_training_gains_something() -> None:
    # regret 1 is where it began, and where it stays if rewards and completions get mixed up
    env_kwargs = {"dataset": "solvable_constant", "max_new_tokens": 2}
    task = exact.Solvable.of(solvable.ENV_ID, beta=solvable.BETA, **env_kwargs)
    settings = solvable.settings("RLOO") | {"total_tokens": 8_000}
    found = solvable.run("rloo", settings, task, env_kwargs, seed=100)
    assert "explained variance" not in found  # there is no critic
    assert 0 <= found["regret"] < 0.9 and 8_000 <= found["tokens"] < 10_000


@pytest.mark.parametrize(("name", "agent"), solvable.ALGORITHMS.items())
def test_settings_are_the_agents(name: str, agent: str) -> None:
    file = Path(str(importlib.import_module(f"agents.{agent}").__file__))
    own = settings_of(file, solvable.ENV_ID)
    assert own is not None and file.with_suffix(".toml").is_file()
    assert solvable.settings(name) == own.hyperparameters | {"total_tokens": own.total_tokens}
    assert own.hyperparameters.get("max_kl", 1.0) == 1.0  # TRPO has a bound of its own


def test_the_exact_gradient_leads_nearly_to_the_optimum() -> None:
    # an ascent of something else, or without a falling learning rate, stops far above
    task = exact.Solvable.of(solvable.ENV_ID, beta=solvable.BETA, max_new_tokens=2)
    found = solvable.ascend(task, **solvable.settings("exact gradient") | {"steps": 60})
    assert 0 <= found["regret"] < 0.03 and found["tokens"] == 0


def test_a_critic_is_measured_by_the_exact_values() -> None:
    task = exact.Solvable.of(solvable.ENV_ID, beta=solvable.BETA, max_new_tokens=2)
    values, visits = task.values(task.reference), task.visits(task.reference)
    mean = ((visits * values).sum() / visits.sum()).expand_as(values)
    for critic, known in ((values, 1.0), (mean, 0.0), ((values + mean) / 2, 0.75)):
        assert solvable.explained_variance(task, task.reference, critic) == pytest.approx(known)
    settings = solvable.settings("A2C") | {"total_tokens": 1024}
    found = solvable.run("a2c", settings, task, {"max_new_tokens": 2}, seed=100)
    assert found["explained variance"] < 0.9  # its critic began at 0


def test_a_masked_policy_is_compared_with_a_masked_reference() -> None:
    # unmasked, what it would give to pad were it allowed to counts, which nothing trains
    task = exact.Solvable.of(solvable.ENV_ID, beta=solvable.BETA, max_new_tokens=2)
    masked = replace(task, reference=exact.among(task.reference, torch.arange(8) > 0))
    assert masked.reward(masked.reference) > 1.01 * task.reward(task.reference)
    settings = solvable.settings("MaskablePPO") | {"total_tokens": 1024, "learning_rate": 0.0}
    found = solvable.run("maskable_ppo", settings, task, {"max_new_tokens": 2}, seed=100)
    assert found["reward"] == pytest.approx(float(masked.reward(masked.reference)), abs=1e-5)
    assert found["regret"] == pytest.approx(1) and found["kl"] == pytest.approx(0, abs=1e-5)


def test_an_interrupted_command_goes_on_and_runs_of_other_settings_are_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def run(agent: str, own: object, task: object, env_kwargs: object, seed: int) -> dict[str, float]:
        runs.append(seed)
        return {"regret": 0.0}

    monkeypatch.setattr(solvable, "run", run)
    monkeypatch.setattr(solvable, "VARIANTS", {"two tokens": {"max_new_tokens": 2}})
    path, today = tmp_path / "solvable.json", solvable.settings("RLOO")

    def command(*seeds: int) -> list[int]:
        runs.clear()
        arguments = ["--algorithms", "RLOO", "--variants", "two tokens", "--output", str(path), "--seeds"]
        monkeypatch.setattr("sys.argv", ["solvable", *arguments, *map(str, seeds)])
        solvable.main()
        return [*runs]

    assert command(0, 1) == [0, 1] and command(0, 1, 2) == [2]
    monkeypatch.setattr(solvable, "settings", lambda name: today | {"n_epochs": 5})
    assert command(1) == [1]
    rows = {row["seed"]: row["settings"]["n_epochs"] for row in solvable.published(path)}
    assert rows == {0: 4, 1: 5, 2: 4}

"""The benchmark of regret: its table names what exists, and a short training gains something."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest

from benchmarks import solvable
from textgym.checks import exact


def test_a_short_training_gains_something() -> None:
    # regret 1 is where it began, and where it stays if rewards and completions get mixed up
    env_kwargs = {"dataset": "solvable_constant", "max_new_tokens": 2}
    task = exact.Solvable.of(solvable.ENV_ID, beta=solvable.BETA, **env_kwargs)
    found = solvable.run(replace(solvable.ALGORITHMS["RLOO"], total_tokens=8_000), task, env_kwargs, seed=100)
    assert 0 <= found["regret"] < 0.9 and 8_000 <= found["tokens"] < 10_000


@pytest.mark.parametrize("name", solvable.ALGORITHMS)
def test_settings_are_the_agents(name: str) -> None:
    algorithm = solvable.ALGORITHMS[name]
    config = importlib.import_module(f"agents.{algorithm.agent}").Config(**algorithm.hyperparameters)
    assert config.max_kl == 1.0

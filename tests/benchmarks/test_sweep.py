"""A sweep goes on where it was killed, looks at validation alone, and writes what an agent reads."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from dataclasses import fields

import pytest
from rich.console import Console

from agents import grpo, ppo
from agents._settings import settings_of, settled
from benchmarks import sweep
from benchmarks.results_io import ROOT
from textgym.errors import ConfigurationError

optuna = pytest.importorskip("optuna")

SPACE = """
learning_rate = { low = 1e-5, high = 1e-2, log = true }
width = { low = 1, high = 64 }
kind = ["a", "b", "c"]
"""
# dies in its second trial, once; refuses one of the kinds
AGENT = r"""
import os
from pathlib import Path
from agents import random

def make_agent(env_id, *, seed, total_tokens, device, learning_rate, width, kind):
    folder = Path(__file__).parent
    with (folder / "tried.txt").open("a") as file:
        file.write(f"{seed} {total_tokens}\n")
    if (folder / "fatal").exists() and len((folder / "tried.txt").read_text().splitlines()) == 3:
        (folder / "fatal").unlink()
        os.kill(os.getpid(), 9)
    if kind == "b":
        raise ValueError("kind b does not fit")
    return random.make_agent(env_id, seed=seed + width)
"""
MINE = """
# Mine.

[TextGen-Sentiment-v0]
chosen = "by hand"
total_tokens = 9
[TextGen-Sentiment-v0.hyperparameters]
width = 7

[default]
chosen = "by hand"
total_tokens = 8
hyperparameters = { width = 6 }
"""


def arguments(folder, *more):
    """A sweep of two seeds over four examples."""
    (folder / "space.toml").write_text(SPACE)
    (folder / "mine.py").write_text(AGENT)
    given = ["--agent", folder / "mine.py", "--id", "TextGen-Sentiment-v0", "--space", folder / "space.toml"]
    given += ["--tokens", 64, "--seeds", 100, 101, "--examples", 4, "--device", "cpu"]
    return [*map(str, given), "--storage", str(folder / "kept" / "sweep.sqlite"), *more]


def run(folder, *more):
    console = Console(file=io.StringIO(), width=300)
    return sweep.main(arguments(folder, *more), console), console.file.getvalue()


def outcomes(folder):
    """What was tried with which figure or error, and how many trials were begun."""
    storage = f"sqlite:///{folder}/kept/sweep.sqlite"
    (name,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    ended = [trial for trial in trials if trial.value is not None or "error" in trial.user_attrs]
    return [(t.user_attrs["hyperparameters"], t.value, t.user_attrs.get("error")) for t in ended], len(trials)


def test_a_sweep_that_was_killed_is_the_sweep_that_was_not(tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    splits, evaluate = set(), sweep.evaluate_agent
    monkeypatch.setattr(sweep, "evaluate_agent", lambda *a, **k: splits.add(k["split"]) or evaluate(*a, **k))
    assert run(whole, "--trials", "3")[0] == 0
    assert splits == {"validation"}
    (killed / "fatal").touch()
    command = [sys.executable, "-m", "benchmarks.sweep", *arguments(killed, "--trials", "3")]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    status, printed = run(killed, "--trials", "3")
    assert status == 0
    assert "1 of 3 trials done before" in printed
    assert outcomes(killed) == (outcomes(whole)[0], 4)
    assert "3 of 3 trials done before" in run(killed, "--trials", "3")[1]


def test_the_best_is_written_as_the_agents_settings_with_how_it_was_chosen(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE)
    status, _ = run(tmp_path, "--trials", "4", "--write")
    assert status == 0
    ended, _ = outcomes(tmp_path)
    best, value, _ = max((trial for trial in ended if trial[1] is not None), key=lambda trial: trial[1])
    settings = settings_of(tmp_path / "mine.py", "TextGen-Sentiment-v0")
    assert settings.hyperparameters == best and settings.total_tokens == 64
    assert f"mean of seeds 100, 101: {value:.3f}, the best of 4 trials" in settings.chosen
    assert "by return on the first 4 examples of the validation split" in settings.chosen
    assert settled(tmp_path / "mine.py", "TextGen-QA-v0", {}) == {"width": 6}
    assert (tmp_path / "mine.toml").read_text().startswith("\n# Mine.\n\n[TextGen-Sentiment-v0]\n")
    assert "4 of 4 trials done before" in run(tmp_path, "--trials", "4")[1], "what was chosen makes no other sweep"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--seeds", "0"], "the board's seeds begin at 0"),
        (["--space", "nowhere.toml"], "Unknown space 'nowhere.toml'"),
        (["--metric", "beauty"], "The evaluation has no beauty. It has: reward/sentiment, return"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, more, message):
    status, printed = run(tmp_path, "--trials", "2", *more)
    assert status == 2
    assert message in printed


@pytest.mark.parametrize("agent", [ppo, grpo])
def test_spaces_name_what_agents_have(agent):
    name = agent.__name__.rpartition(".")[2]
    assert sweep.load_space(sweep.SPACES / f"{name}.toml").keys() <= {field.name for field in fields(agent.Config)}


def test_a_space_of_another_form_is_refused(tmp_path):
    (tmp_path / "space.toml").write_text("width = { from = 1, to = 2 }")
    with pytest.raises(ConfigurationError, match="width is"):
        sweep.load_space(tmp_path / "space.toml")

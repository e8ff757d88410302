"""The fuzz campaign finds what is wrong, and nothing where nothing is."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import fuzz
from benchmarks.results_io import ROOT
from textgym.envs.vector import TextGenVectorEnv

RESULTS = ROOT / "benchmarks" / "results" / "quick"


def test_environments_have_no_fault_and_the_seed_decides(tmp_path):
    summaries = []
    for _ in range(2):
        assert fuzz.main(["--steps", "500", "--kills", "0", "--output", str(tmp_path / "fuzz.json")]) == 0
        (measured,) = json.loads((tmp_path / "fuzz.json").read_text())["measured"]
        summaries.append({**measured, "steps/s": None})
    assert summaries[0] == summaries[1] and summaries[0]["steps"] >= 500 and summaries[0]["faults"] == []


@pytest.mark.parametrize("error", ["nan", "untyped"])
def test_a_fault_of_an_environment_is_found(monkeypatch, tmp_path, error):
    step = TextGenVectorEnv.step

    def wrong(self, actions):
        if error == "untyped":
            raise KeyError("oh")
        observations, rewards, *rest = step(self, actions)
        return observations, rewards * np.nan, *rest

    monkeypatch.setattr(TextGenVectorEnv, "step", wrong)
    monkeypatch.setattr(fuzz, "MANY", 2)
    assert fuzz.main(["--steps", "50", "--kills", "0", "--output", str(tmp_path / "fuzz.json")]) == 1


@pytest.fixture
def published(tmp_path):
    """A folder with one finished run."""
    source = min(path for path in RESULTS.rglob("seed-*.json") if '"finished"' in path.read_text())
    for file in source.parent.glob(f"{source.stem}.*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_damaged_results_are_faults(published):
    faults = []
    assert len(fuzz.finished(published, faults)) == 1 and faults == []
    (file,) = published.glob("*.gz")
    file.write_bytes(file.read_bytes()[:-5])
    assert fuzz.finished(published, faults) == {} and len(faults) == 1


def test_boards_that_are_killed_go_on(monkeypatch, published):
    """A board in little: it copies what another one has made."""
    code = "import shutil, sys; shutil.copytree(*sys.argv[1:], dirs_exist_ok=True)"
    monkeypatch.setattr(
        fuzz, "board", lambda results: subprocess.Popen([sys.executable, "-c", code, str(published), str(results)])
    )
    monkeypatch.setattr(fuzz, "SIGNALS", (signal.SIGKILL, signal.SIGTERM))
    summary = fuzz.kill_boards(3, np.random.default_rng(0), lambda n: None)
    assert 3 <= sum(summary["statuses"].values()) <= 6 and summary["boards"] >= 1


def test_boards_that_say_another_thing_are_faults(published):
    runs = fuzz.finished(published, [])
    ((name, run),) = runs.items()
    assert fuzz.other_than(runs, {name: run._replace(digest="of another hour")}) == []
    for others in ({}, {name: run._replace(says=run.says | {"metrics": {}})}, runs | {"another": run}):
        assert len(fuzz.other_than(runs, others)) == len(fuzz.other_than(others, runs)) == 1


def test_an_unknown_status_is_a_fault_and_so_is_a_process_that_hangs(monkeypatch):
    faults = []
    assert fuzz.status_of(subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(3)"]), faults) == 3
    monkeypatch.setattr(fuzz, "PATIENCE", 0.01)
    assert fuzz.status_of(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"]), faults) == -9
    assert ["status 3" in faults[0], "did not end" in faults[1]] == [True, True]

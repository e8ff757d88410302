"""What is published is checked, file by file."""

import io
import json

import pytest
from rich.console import Console

from benchmarks import validate
from benchmarks.results_io import examples_path, write_run
from tests.benchmarks.test_results_io import RESULT


def run(*arguments):
    console = Console(file=io.StringIO(), width=200)
    status = validate.main([*map(str, arguments)], console)
    return status, " ".join(console.file.getvalue().split())


def test_what_is_published_is_valid():
    status, said = run()
    assert status == 0, said


@pytest.fixture
def path(tmp_path):
    """A published run."""
    path = tmp_path / "quick" / RESULT["env_id"] / RESULT["agent"] / "0123abcd" / "seed-000.json"
    write_run(path, RESULT | {"suite": "quick", "dirty": False}, [{"return": 0.25}, {"return": 0.75}])
    (tmp_path / "speed.json").write_text(json.dumps({"command": "python", "machine": {}, "measured": []}))
    return path


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


FAULTS = {
    "another schema": (lambda path: edit(path, schema_version=99), "has schema_version 99"),
    "no result": (lambda path: path.write_text("{"), "is no result of a run"),
    "another place": (
        lambda path: edit(path, seed=1),
        "is the result of quick/TextGen-Sentiment-v0/random, seed 1. Move",
    ),
    "uncommitted": (lambda path: edit(path, dirty=True), "is of code that is in no commit"),
    "another mean": (lambda path: edit(path, metrics={"return": 0.6}), "says another mean return than its examples"),
    "other texts": (lambda path: examples_path(path).write_bytes(b""), "is not what the run wrote"),
    "texts alone": (lambda path: path.unlink(), "has no seed-000.json beside it"),
    "a field missing": (lambda path: (path.parents[4] / "speed.json").write_text("{}"), "is no benchmark's results"),
    "another field": (
        lambda path: edit(path.parents[4] / "speed.json", measured={}),
        "is no benchmark's results: its fields are",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_named(path, tmp_path, fault):
    assert run(tmp_path) == (0, "2 files, 0 faults")
    spoil, message = FAULTS[fault]
    spoil(path)
    status, said = run(tmp_path)
    assert status == 1 and message in said and "1 faults" in said


def test_texts_that_are_not_kept_are_no_fault(path, tmp_path):
    examples_path(path).unlink()
    assert run(tmp_path)[0] == 0


def test_a_folder_without_results_is_told(tmp_path):
    assert run(tmp_path) == (2, f"{tmp_path} has no results.")

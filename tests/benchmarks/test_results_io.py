"""Files are there whole or not at all."""

import pytest

from benchmarks import results_io
from textgym.errors import ConfigurationError

RESULT = {"schema_version": 1, "status": "finished", "metrics": {"return": 0.5}}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_round_trip(tmp_path):
    path = tmp_path / "a" / "seed-000.json"
    assert results_io.read_run(path) is None
    results_io.write_run(path, RESULT, [{"prompt": "é\n"}, {"prompt": "b"}])
    assert results_io.read_run(path) == RESULT
    assert results_io.read_examples(path) == [{"prompt": "é\n"}, {"prompt": "b"}]
    assert names(path.parent) == ["seed-000.examples.jsonl", "seed-000.json"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_no_half_file(tmp_path, monkeypatch, error):
    path = tmp_path / "seed-000.json"
    results_io.write_atomic(path, "old")

    def interrupted(*_):
        assert path.read_text() == "old"
        raise error

    monkeypatch.setattr(type(path), "replace", interrupted)
    with pytest.raises(type(error)):
        results_io.write_atomic(path, "new and longer")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["seed-000.json"]


def test_the_run_comes_after_its_examples(tmp_path, monkeypatch):
    # a kill between the two must leave a run that is not there, not one without examples
    path = tmp_path / "seed-000.json"
    written = []
    monkeypatch.setattr(results_io, "write_atomic", lambda target, text: written.append(target.name))
    results_io.write_run(path, RESULT, [])
    assert written == ["seed-000.examples.jsonl", "seed-000.json"]


def test_nan_is_never_written(tmp_path):
    path = tmp_path / "seed-000.json"
    with pytest.raises(ValueError, match="JSON compliant"):
        results_io.write_run(path, RESULT | {"metrics": {"return": float("nan")}}, [])
    assert names(tmp_path) == []


@pytest.mark.parametrize("text", ['{"status"', "[]", "{}", '{"schema_version": 99}'])
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    path = tmp_path / "seed-000.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="seed-000"):
        results_io.read_run(path)

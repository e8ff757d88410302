"""Files are there whole or not at all."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import report, results_io
from textgym.errors import ConfigurationError

COMMON = {
    "schema_version": 1,
    "env_id": "TextGen-Sentiment-v0",
    "agent": "random",
    "seed": 0,
    "task_hash": "a",
    "code_hash": "b",
    "versions": {},
    "commit": None,
    "dirty": None,
    "hardware": "a machine",
    "threads": 1,
}
COST = {"train_tokens": 0, "eval_tokens": 8, "train_seconds": 0.0, "eval_seconds": 0.5, "peak_rss_mb": 300.0}
RESULT = COMMON | {"status": "finished", "metrics": {"return": 0.5, "kl": None}, "cost": COST, "curve": []}
RECORDS = [{"prompt": "é\n"}, {"prompt": "a\u2028b\x85c\x1cd\r\n"}]  # what str.splitlines takes for ends of lines


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_round_trip(tmp_path):
    path = tmp_path / "a" / "seed-000.json"
    assert results_io.read_run(path) is None
    results_io.write_run(path, RESULT, RECORDS)
    result = results_io.read_run(path)
    assert len(result.pop("examples_hash")) == 64
    assert result == RESULT
    assert results_io.read_examples(path) == RECORDS
    assert names(path.parent) == ["seed-000.examples.jsonl.gz", "seed-000.json"]


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


def test_two_boards_of_one_process_id_do_not_meet(tmp_path, monkeypatch):
    # containers on one network file system: each is process 1, and each writes its own half
    others = []

    def replace(temporary, target):
        others.append(temporary.name)
        return original(temporary, target)

    original = type(tmp_path).replace
    monkeypatch.setattr(type(tmp_path), "replace", replace)
    for _ in range(2):
        results_io.write_atomic(tmp_path / "seed-000.json", "a")
    assert len(set(others)) == 2
    assert names(tmp_path) == ["seed-000.json"]


def test_the_run_comes_after_its_examples(tmp_path, monkeypatch):
    # a kill between the two must leave a run that is not there, not one without examples
    path = tmp_path / "seed-000.json"
    written = []
    monkeypatch.setattr(results_io, "write_atomic", lambda target, text: written.append(target.name))
    results_io.write_run(path, RESULT, [])
    assert written == ["seed-000.examples.jsonl.gz", "seed-000.json"]


def test_a_finished_run_is_never_overwritten(tmp_path):
    path = tmp_path / "seed-000.json"
    failed = without("metrics") | {"status": "failed", "error": "no luck"}
    assert results_io.write_run(path, failed, []) and results_io.write_run(path, RESULT, RECORDS)
    before = path.read_bytes()
    assert not results_io.write_run(path, RESULT | {"metrics": {"return": 1.0}}, RECORDS[:1])
    assert not results_io.write_run(path, failed, [])
    assert path.read_bytes() == before and results_io.read_examples(path) == RECORDS


def test_of_two_boards_that_end_a_run_at_once_one_is_kept_whole(tmp_path):
    # examples of one and the JSON of the other would be no run at all
    path = tmp_path / "seed-000.json"

    def write(board):
        return results_io.write_run(path, RESULT | {"seed": board}, [{"return": board}] * 100)

    with ThreadPoolExecutor(8) as boards:
        assert sum(boards.map(write, range(64))) == 1
    assert results_io.read_examples(path) == [{"return": results_io.read_run(path)["seed"]}] * 100
    assert names(tmp_path) == ["seed-000.examples.jsonl.gz", "seed-000.json"]


def test_nan_is_never_written(tmp_path):
    path = tmp_path / "seed-000.json"
    with pytest.raises(ValueError, match="JSON compliant"):
        results_io.write_run(path, RESULT | {"metrics": {"return": float("nan")}}, [])
    assert names(tmp_path) == []


def without(key, result=RESULT):
    return {name: value for name, value in result.items() if name != key}


@pytest.mark.parametrize(
    "content",
    [
        '{"status"',
        b"\xff",
        [],
        {},
        {"schema_version": 99},
        {"schema_version": 0},
        RESULT | {"schema_version": 2},
        RESULT | {"curve": [[1, 2]]},
        RESULT | {"curve": [5]},
        RESULT | {"curve": [[1, 2, 3, "4"]]},
        RESULT | {"log_ratios": [[["a", "b"]]]},
        RESULT | {"log_ratios": [[["a"]]]},
        RESULT | {"log_ratios": [5]},
        json.dumps(RESULT | {"examples_hash": "", "metrics": {"return": float("nan")}}),
        json.dumps(RESULT | {"examples_hash": ""}).replace("0.5", "1e999"),
        "[" * 100_000,
        RESULT | {"schema_version": "1"},
        RESULT | {"status": "running"},
        RESULT | {"status": []},
        without("task_hash"),
        without("code_hash"),
        without("metrics"),
        without("hardware"),
        RESULT | {"metrics": {}},
        RESULT | {"metrics": {"return": "0.5"}},
        RESULT | {"cost": without("peak_rss_mb", COST)},
        COMMON | {"status": "failed"},
    ],
    ids=lambda content: str(content)[:20],
)
def test_a_file_that_is_no_result_is_named(tmp_path, content):
    # a KeyError or TypeError somewhere in the report would name neither the file nor what to do
    path = tmp_path / "seed-000.json"
    if isinstance(content, (list, dict)):
        results_io.write_run(path, dict(content), [])
        content = json.dumps(content) if not content else path.read_text()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=r"seed-000\.json .*[Dd]elete"):
        results_io.read_run(path)


def test_a_result_that_is_a_folder_is_named(tmp_path):
    (tmp_path / "seed-000.json").mkdir()
    with pytest.raises(ConfigurationError, match=r"seed-000\.json is no result .* Delete it"):
        results_io.read_run(tmp_path / "seed-000.json")


HISTORIC = sorted((Path(__file__).parent / "historic_results").rglob("*.json"))
# what was published of each schema, as git has it: the mean return, and of which agent
PUBLISHED = {
    ("schema_1", "first"): ("best_of_4", 0.7813489225106474),
    ("schema_1", "ppo"): ("ppo", 0.9520801871731234),
    ("schema_2", "ppo"): ("ppo", 0.9490919271475745),
    ("schema_2", "settings"): ("ppo", 0.9743876651351858),
}


def test_results_of_every_schema_load_forever():
    assert {(path.parent.name, path.stem) for path in HISTORIC} == PUBLISHED.keys()
    for path in HISTORIC:
        result = results_io.read_run(path)
        assert (result["agent"], result["metrics"]["return"]) == PUBLISHED[path.parent.name, path.stem]
        assert path.parent.name == f"schema_{result['schema_version']}"
        if results_io.examples_path(path).exists():
            returns = [record["return"] for record in results_io.read_examples(path)]
            assert sum(returns) / len(returns) == pytest.approx(result["metrics"]["return"])
        row = report.Row(result["env_id"], result["agent"], [result] * 3, 3, paths=[path] * 3)
        assert report.cells(row, report.columns_of([row]))[1] == f"{result['metrics']['return']:.3f}"
    assert {path.parent.name for path in HISTORIC} == {
        f"schema_{number}" for number in range(1, results_io.SCHEMA_VERSION + 1)
    }


@pytest.mark.parametrize("kept", [None, 0, 0.5, 1], ids=["missing", "empty", "half", "one of two"])
def test_examples_that_are_not_whole_are_named(tmp_path, kept):
    # whole lines of half a file would pass for all of them
    path = tmp_path / "seed-000.json"
    results_io.write_run(path, RESULT, RECORDS)
    file = results_io.examples_path(path)
    whole = file.read_bytes()
    file.unlink()
    if kept is not None:
        first_line = gzip.compress(gzip.decompress(whole).partition(b"\n")[0] + b"\n")
        file.write_bytes(first_line if kept == 1 else whole[: int(kept * len(whole))])
    with pytest.raises(ConfigurationError, match=r"examples\.jsonl\.gz is .* Delete .*seed-000\.json"):
        results_io.read_examples(path)


def test_measurements_name_their_machine(tmp_path):
    path = tmp_path / "speed.json"
    results_io.write_measurements(path, "python -m speed", [{"tokens/s": 1.5}])
    content = json.loads(path.read_text())
    assert content["measured"] == [{"tokens/s": 1.5}]
    assert {"hardware", "threads", "versions", "commit", "dirty"} <= set(content["machine"])


@pytest.mark.parametrize(
    ("file", "dirty"),
    [("README.md", False), ("docs/a.md", False), ("benchmarks/results/a.json", False), ("textgym/a.py", True)],
)
def test_publishing_does_not_make_the_tree_dirty(tmp_path, monkeypatch, file, dirty):
    # the second of two published suites would be refused because the first has written its results
    monkeypatch.setattr(results_io, "ROOT", tmp_path)
    assert results_io.provenance()["dirty"] is None
    for name in ("README.md", "docs/a.md", "benchmarks/results/a.json", "textgym/a.py"):
        results_io.write_atomic(tmp_path / name, "old")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (["init"], ["add", "."], [*identity, "commit", "-m", "first"]):
        assert results_io._git(*arguments) is not None
    results_io.write_atomic(tmp_path / file, "new")
    assert results_io.provenance()["dirty"] is dirty

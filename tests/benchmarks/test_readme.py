"""What is published is of one task and of one code, which is in a commit."""

import json

import pytest

from benchmarks import readme
from benchmarks.results_io import write_run
from benchmarks.suite import load_suite
from tests.benchmarks.test_results_io import RESULT
from textgym.errors import ConfigurationError


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Publish results of the quick suite, one of which differs; returns that one's path."""
    monkeypatch.setattr(readme, "RESULTS", tmp_path)

    def publish(**differing):
        suite = load_suite("quick")
        (env_id,) = suite.env_ids
        for agent in suite.agents:
            for seed in suite.seeds:
                path = tmp_path / "quick" / env_id / agent.name / "0123abcd" / f"seed-{seed:03}.json"
                write_run(path, RESULT | {"agent": agent.name, "seed": seed, "dirty": False}, [])
        write_run(path, json.loads(path.read_text()) | differing, [])
        return path

    return publish


def test_a_board_outlives_the_code_that_made_it(publish):
    # the code hash of the results is that of no code: an edit since must not unpublish them
    assert readme.board("quick") == readme.NOT_YET
    publish()
    assert "| ppo | 0.500 |" in readme.board("quick")


@pytest.mark.parametrize(
    ("differing", "message"),
    [
        ({"task_hash": "other"}, "different tasks"),
        ({"code_hash": "other"}, "different code"),
        ({"dirty": True}, "in no commit"),
    ],
)
def test_a_board_of_unlike_or_unknown_code_is_refused(publish, differing, message):
    path = publish(**differing)
    with pytest.raises(ConfigurationError, match=message) as refused:
        readme.board("quick")
    assert str(path) in str(refused.value)


def test_measurements_name_the_machine_and_no_column_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    assert readme.measurements("speed", "rows", "{:.0f} rows") == readme.NOT_YET
    measured = [{"rows": rows, "tokens/s": 1000.0 * rows} for rows in (8, 16)]
    machine = {"hardware": "a machine", "threads": 2, "commit": "abc"}
    content = {"command": "python -m speed", "machine": machine, "measured": measured}
    (tmp_path / "speed.json").write_text(json.dumps(content))
    assert readme.measurements("speed", "rows", "{:.0f} rows").splitlines() == [
        "`python -m speed` (hardware a machine, threads 2):",
        "",
        "|  | 8 rows | 16 rows |",
        "| --- | --- | --- |",
        "| tokens/s | 8,000 | 16,000 |",
    ]


def test_each_reward_is_described_as_itself():
    # a reward of a metric with options is not what the metric's docstring describes: rouge1 is no "ROUGE-N"
    rows = [line.split(" | ") for line in readme.reward_functions().splitlines()[2:]]
    described = {name.strip("| `"): text for name, text, _ in rows}
    assert all(described.values())
    assert "ROUGE-1" in described["rouge1"] and "ROUGE-2" in described["rouge2"]
    assert "keywords" in described["keywords"] and "concepts" in described["coverage"]
    del described["accuracy"]  # another name of exact_match
    assert len(set(described.values())) == len(described)

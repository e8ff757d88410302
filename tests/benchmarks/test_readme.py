"""What is published is of code that is in a commit, and says what it cannot be compared with."""

import itertools
import json

import pytest

from benchmarks import readme, report
from benchmarks.results_io import write_measurements, write_run
from benchmarks.solvable import settings
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
        last = json.loads(path.read_text())
        path.unlink()  # what is there is never overwritten
        write_run(path, last | differing, [])
        return path

    return publish


def test_a_board_outlives_the_code_that_made_it(publish):
    # the code hash of the results is that of no code: an edit since must not unpublish them
    assert readme.board("quick") == readme.NOT_YET
    publish()
    assert "| ppo ‡ | 0.500 |" in readme.board("quick")


def test_a_report_that_changes_gets_its_pictures(publish, tmp_path, monkeypatch):
    """They would be those of the results before, beside a text of today's."""
    publish(curve=[[1, 1.0, 0.5, 0.0], [2, 2.0, 0.75, 1.0]])
    monkeypatch.setattr(readme, "PAGES", [])
    monkeypatch.setattr("sys.argv", ["readme"])
    (tmp_path / "quick" / "REPORT.md").write_text("of other results", encoding="utf-8")
    readme.main()
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "quick").glob("*.*")}
    assert made.keys() == {"REPORT.md", "learning_curve.png", "divergence.png"}
    readme.main()
    assert made == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "quick").glob("*.*")}


@pytest.mark.parametrize(
    ("differing", "message"),
    [
        ({"task_hash": "other"}, "task_hash differs"),
        ({"dirty": True}, "in no commit"),
        ({"agent": "random"}, "belongs, and is that of 'random'"),
    ],
)
def test_a_board_of_unlike_or_unknown_results_is_refused(publish, differing, message):
    path = publish(**differing)
    with pytest.raises(ConfigurationError, match=message) as refused:
        readme.board("quick")
    assert str(path) in str(refused.value)


def test_results_are_marked_that_today_would_not_give(publish):
    # never silently as current, and never refused: the rest of the board goes on being shown
    publish(commit="other", ended="2100")
    shown = readme.board("quick")
    assert "| random †‡ |" in shown and "† made by another commit" in shown and "‡ of another task" in shown


@pytest.mark.parametrize(
    ("supervised", "ppo", "verdict", "sentence"),
    [
        (0.4, 0.5, "| yes | +0.100 (0.075 .. 0.125) ↑ |", "12 of 12 tasks. Intervals above 0: lift by PPO on 12"),
        (0.4, 0.42, "| yes | +0.020 (-0.005 .. 0.045) |", "12 of 12 tasks. Intervals above 0: lift by PPO on 0"),
        (0.2, 0.1, "| no | -0.100 (-0.125 .. -0.075) |", "0 of 12 tasks. Intervals above 0: lift by PPO on 0"),
        (0.9, 0.9, "| no | +0.000 (-0.025 .. 0.025) |", "0 of 12 tasks"),  # beyond the references is no headroom
    ],
)
def test_headroom_says_where_its_order_fails_and_what_is_lifted(
    tmp_path, monkeypatch, supervised, ppo, verdict, sentence
):
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    monkeypatch.setattr(
        "benchmarks.suite.configs", lambda suite, _: [None] * len(suite.agents)
    )  # twelve tasks take long
    assert readme.headroom() == readme.NOT_YET
    suite = load_suite("headroom")
    scores = {"random": 0.1, "zero_shot": 0.3, "supervised": supervised, "supervised_ppo": ppo, "reference": 0.8}
    for env_id, agent, seed in itertools.product(suite.env_ids, scores, suite.seeds):
        path = tmp_path / "headroom" / env_id / agent / "0123abcd" / f"seed-{seed:03}.json"
        score = scores[agent] + (0.01 * (seed - 1) if agent == "supervised_ppo" else 0)  # differences, of deviation .01
        changed = {"env_id": env_id, "agent": agent, "seed": seed, "dirty": False, "metrics": {"return": score}}
        write_run(path, RESULT | changed, [])
    assert readme.headroom().count(verdict) == len(suite.env_ids)
    assert sentence in readme.headroom()
    assert "lift by GRPO on 0" in readme.headroom()
    path.unlink()  # one seed of the references
    assert "| - ‡ | - |" in readme.headroom()
    assert f"{len(suite.env_ids) - 1 if '12 of 12' in sentence else 0} of 12 tasks" in readme.headroom()


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


def test_the_columns_that_a_reward_needs_are_shown():
    rows = [line.strip("| ").split(" | ") for line in readme.reward_functions().splitlines()[2:]]
    needs = {row[0]: row[2:] for row in rows}
    assert needs["`acclaim`"] == ["`items`, `ratings`"]
    assert needs["`data_to_text`"] == ["`concepts`, `reference`"]
    assert needs["`dialogue`"] == needs["`minilm`"] == ["`reference`"]
    assert needs["`sentiment`"] == []


def test_each_reward_is_described_as_itself():
    # a reward of a metric with options is not what the metric's docstring describes: rouge1 is no "ROUGE-N"
    rows = [line.split(" | ") for line in readme.reward_functions().splitlines()[2:]]
    described = {name.strip("| `"): text for name, text, _ in rows}
    assert all(described.values())
    assert "ROUGE-1" in described["rouge1"] and "ROUGE-2" in described["rouge2"]
    assert "keywords" in described["keywords"] and "concepts" in described["coverage"]
    assert len(set(described.values())) == len(described)


def test_regrets_of_settings_that_are_no_longer_todays_are_marked(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    figures = {"seed": 0, "regret": 0.5, "tokens": 1, "CPU seconds": 1}
    today = [
        {"variant": "conditional target", "algorithm": name, "settings": settings(name)} | figures
        for name in ("RLOO", "PPO")
    ]
    for changed, marks in (({}, 0), ({"settings": {}}, 2)):  # behind the name, and below the table
        write_measurements(tmp_path / "solvable.json", "a command", [today[0] | changed, today[1]])
        table = readme.solvable()
        assert table.count(report.OUTDATED) == marks and table.index("PPO") < table.index("RLOO")
    assert f"| RLOO {report.OUTDATED} |" in table

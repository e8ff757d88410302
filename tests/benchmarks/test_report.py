"""The board fits the terminal, and says all that was measured."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.results_io import examples_path, write_run
from benchmarks.suite import load_suite
from tests.benchmarks.test_results_io import RESULT


def rows_of(**metrics):
    result = RESULT | {"metrics": RESULT["metrics"] | metrics}
    suite = load_suite("quick")
    return suite, [report.Row(suite.env_ids[0], agent.name, [result] * 3, 3) for agent in suite.agents]


@pytest.mark.parametrize("width", [50, 80, 120, 200])
def test_the_table_fits_the_terminal_and_breaks_no_number(width):
    metrics = {"metric/own": 0.12345, "perplexity": 1e9, "kl": 12.3, "gold": 0.5, "distinct_2": 0.25, "length": 3.0}
    suite, rows = rows_of(**metrics)
    console = Console(file=io.StringIO(), width=width)
    for table in report.rich_tables(suite, rows, width):
        console.print(table, width=report.UNBOUNDED, crop=False)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, (line.rstrip() for line in lines))) <= width
    for cell in ("0.123", "1,000,000,000", "12.3", "0.250", "300"):
        assert sum(cell in line.split() for line in lines) == len(rows)


def test_every_metric_of_a_task_is_shown():
    _, rows = rows_of(**{"metric/own": 0.12345, "metric/none": None})
    columns = report.columns_of(rows)
    cells = dict(zip(["agent", *(column.name for column in columns)], report.cells(rows[0], columns), strict=True))
    assert (cells["own"], cells["none"], cells["n"]) == ("0.123", "-", "3/3")
    assert "- own: " in report.legend(columns, rows)
    assert "GPU MB" not in cells


def test_memory_of_a_gpu_is_shown_where_there_was_one():
    _, rows = rows_of()
    rows[0].results[0] = RESULT | {"cost": RESULT["cost"] | {"peak_gpu_mb": 123.4}}
    columns = report.columns_of(rows)
    assert columns[-1].name == "GPU MB"
    assert report.cells(rows[0], columns)[-1] == "-"  # of three seeds, one
    rows[0].results[1:] = [rows[0].results[0]] * 2
    assert report.cells(rows[0], columns)[-1] == "123"


def test_seconds_are_shown_by_phase_where_they_are_known():
    _, rows = rows_of()
    for result, seconds in zip(range(3), (1.0, 2.0, 6.0), strict=True):
        phases = {"phase_seconds": {"rollout": seconds, "update": 10.0}}
        rows[0].results[result] = RESULT | {"cost": RESULT["cost"] | phases}
    columns = report.columns_of(rows)
    assert columns[-1].name == "seconds by phase"
    assert [report.cells(row, columns)[-1] for row in rows[:2]] == ["rollout 3, update 10", "-"]


def test_tokens_that_models_read_are_shown_where_they_are_known():
    _, rows = rows_of()
    rows[0].results[:] = [RESULT | {"cost": RESULT["cost"] | {"train_processed": n}} for n in (1000, 2000, 3000)]
    columns = report.columns_of(rows)
    assert columns[-1].name == "tokens processed"
    assert [report.cells(row, columns)[-1] for row in rows[:2]] == ["2,000", "-"]


def test_each_task_has_a_panel_of_its_own(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    monkeypatch.setattr(report, "write_atomic", lambda *_: None)
    result = RESULT | {"curve": [[1, 1, 0.5, 0.0], [2, 2, 0.75, 1.0]]}
    rows = [report.Row(f"Task-{i}", "ppo", [result], 1) for i in range(4)]
    report.draw_curves(rows, report.SCORE, "reward", tmp_path / "a.png")
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes if axes.get_visible()] == [f"Task-{i}" for i in range(4)]
    assert all(axes.get_lines()[-1].get_ydata().tolist() == [0.5, 0.75] for axes in figure.axes if axes.get_visible())
    assert figure.legends[0].get_title().get_text() == "mean of 1 seed"


def test_the_interval_is_of_both_levels_as_far_as_texts_are_kept(tmp_path):
    """Of seeds alone it would be .5 to .5: what seeds differ in is nothing, what examples differ in is all."""
    paths = [tmp_path / f"seed-{seed:03}.json" for seed in range(2)]
    results = [RESULT | {"seed": seed} for seed in range(2)]
    for result, path in zip(results, paths, strict=True):
        write_run(path, result, [{"return": 0.25}, {"return": 0.75}])
    half = 12.7062 * 0.25  # Student's t of one degree of freedom, times the standard error of two examples
    for kept in (2, 1):
        row = report.Row("Task-v0", "ppo", results, 2, paths=paths)
        assert report.interval_of(row) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-4)
        examples_path(paths[kept - 1]).unlink()
    assert report.interval_of(report.Row("Task-v0", "ppo", results, 2, paths=paths)) == (0.5, 0.5)


def test_a_hacked_reward_is_told_in_words(tmp_path):
    """The same phrase for every prompt, and a reward that likes it: 2 of 120 word pairs, and once 91 of as many."""
    suite = load_suite("quick")
    written = {
        "zero_shot": [(f"word{i} word{i + 1} film number {i}", 0.2 + i % 3 / 10) for i in range(40)],
        "ppo": [("so good so good", 0.8 + i % 3 / 10) for i in range(40)],
        "best_of_4": [("so good so good", 0.8 + i % 3 / 10) for i in range(40)],  # has learned nothing
    }
    rows = []
    for agent in suite.agents:
        paths, results = [tmp_path / agent.name / f"seed-{seed:03}.json" for seed in range(2)], []
        for seed, path in enumerate(paths):
            own = RESULT | {"seed": seed, "curve": [[1, 1, 0.5, 0.0]] if agent.name == "ppo" else []}
            records = [
                {"prompt": str(i), "completion": text, "return": value, "gold": None, "reference": None}
                for i, (text, value) in enumerate(written.get(agent.name, []))
            ]
            write_run(path, own, records)
            results.append(own)
        rows.append(report.Row(suite.env_ids[0], agent.name, results, 2, paths=paths))
    assert report.hacking(report.hacked(suite, rows)).splitlines()[2:] == [
        "- `ppo`, started as `zero_shot`: distinct-2 0.758 → 0.0167 in 2 of 2 seeds"
    ]
    for path in rows[[row.agent for row in rows].index("ppo")].paths:
        examples_path(path).unlink()
    columns = report.with_flags(report.columns_of(rows), report.hacked(suite, rows))
    place = 1 + [column.name for column in columns].index("hacked?")
    flags = {row.agent: report.cells(row, columns)[place] for row in rows}
    assert flags.pop("ppo") == "yes: distinct-2" and set(flags.values()) == {"-"}
    rows = [replace(row) for row in rows]  # read again
    assert report.hacking(report.hacked(suite, rows)) == "", "without texts nothing is compared"


def test_without_a_hacked_reward_there_is_no_column_for_it():
    _, rows = rows_of()
    columns = report.columns_of(rows)
    assert report.with_flags(columns, []) == report.with_flags(columns, None) == columns


def test_learning_curves_are_read_at_equal_seconds():
    """Points are (tokens, seconds, score, KL); the fastest run takes 10 s, 4 s of them before its curve begins."""

    def row(agent, seconds, *curves):
        cost = RESULT["cost"] | {"train_seconds": seconds}
        results = [RESULT | {"seed": seed, "curve": curve, "cost": cost} for seed, curve in enumerate(curves)]
        return report.Row("Task-v0", agent, results, len(curves))

    fast = row("fast", 10.0, [[50, 3, 0.2, 1.0], [100, 6, 0.4, 2.0]], [[50, 3, 0.3, 1.0], [100, 6, 0.6, 4.0]])
    slow = row("slow", 20.0, *[[[10, 5, 0.7, 1.0], [20, 9.5, 0.8, 1.5], [40, 19, 0.9, 2.0]]] * 2)
    late = row("late", 90.0, *[[[10, 1, 0.7, 1.0]]] * 2)  # begins to learn after 89 s
    told, table = report.at_equal_seconds([fast, slow, late, row("untrained", 0.0, [], [])])
    assert "after 10 s" in told
    assert [line.split(" | ")[:2] for line in table.splitlines()[2:]] == [["| slow", "0.700"], ["| fast", "0.500"]]
    assert table.splitlines()[3] == "| fast | 0.500 | -0.771 .. 1.771 | 3.0 | 100 | 10 |"
    assert report.at_equal_seconds([fast]) == []


def test_beside_a_normalised_score_stands_what_falls_where_it_is_hacked():
    """Means over the tasks that have it."""
    suite = replace(load_suite("quick"), env_ids=["Task-0", "Task-1"])
    rows = [
        report.Row(task, agent.name, [RESULT | {"metrics": {"return": float(i), **metrics}}], 1)
        for task, metrics in {"Task-0": {"length": 10.0, "kl": 3.0}, "Task-1": {"length": 11.0}}.items()
        for i, agent in enumerate(suite.agents)
    ]
    lines = dict(zip([agent.name for agent in suite.agents], report.normalised(suite, rows), strict=True))
    beside = dict(zip(report.NORMALISED, lines["ppo"], strict=True))
    assert (beside["KL"], beside["length"], beside["gold"]) == ("3.0", "10.5", "-")
    assert {len(line) for line in lines.values()} == {len(report.NORMALISED)}


def test_what_a_normalised_score_is_is_said_in_words():
    assert "is the supervised model: above 1 is what rewards add" in report.scale(load_suite("headroom"))
    assert "1 would be the supervised model, which this suite does not have: `reference`" in report.scale(
        load_suite("quick")
    )


def test_an_agent_is_compared_with_the_one_that_it_started_from():
    headroom, quick = load_suite("headroom"), load_suite("quick")
    starts = {agent.name: report.start_of(headroom, agent) for agent in headroom.agents}
    assert starts["supervised_ppo"].name == starts["supervised_grpo"].name == "supervised"
    (ppo,) = (agent for agent in quick.agents if agent.name == "ppo")
    assert report.start_of(quick, ppo).name == "zero_shot"

"""Two agents are compared by what the same seeds got for the same prompts."""

import io

import numpy as np
import pytest
from rich.console import Console

from benchmarks import compare, report
from benchmarks.results_io import examples_path, write_run
from tests.benchmarks.test_results_io import RESULT

SEEDS = (0, 1, 2)
EXAMPLES = 40


TASKS = ("TextGen-QA-v0", "TextGen-NER-v0")
SUITE = f"""
env_ids = {[*TASKS]}
seeds = [0, 1, 2]
split = "test"
num_envs = 3
reference = "textgym-tiny"
zero = "random"
one = "reference"
agents = [{", ".join(f'{{ name = "{agent}" }}' for agent in ("random", "reference", "zero_shot", "ppo", "a2c"))}]
report = {{ before = "random", after = "reference", examples = 2 }}
"""


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Publish a score on each of two tasks for some agents of a suite, which lies beside it as small.toml."""
    monkeypatch.setattr("benchmarks.suite.configs", lambda suite, _: [None] * len(suite.agents))
    (tmp_path / "small.toml").write_text(SUITE)

    def publish(**scores):
        rng = np.random.default_rng(0)
        for i, env_id in enumerate(TASKS):
            shared = rng.normal(size=(len(SEEDS), EXAMPLES))  # of the prompts: as much as to hide what agents differ in
            for agent, score in {"random": (0.0, 0.0), "reference": (1.0, 1.0), **scores}.items():
                for seed in SEEDS:
                    returns = score[i] + shared[seed] + 0.02 * rng.normal(size=EXAMPLES)
                    path = tmp_path / "small" / env_id / agent / "0123abcd" / f"seed-{seed:03}.json"
                    own = {"env_id": env_id, "agent": agent, "seed": seed, "metrics": {"return": returns.mean()}}
                    write_run(path, RESULT | own, [{"return": value} for value in returns])

    return publish


@pytest.fixture
def run(tmp_path):
    """Compare on the command line; returns its status and what it printed, in one line."""

    def run(*arguments):
        console = Console(file=io.StringIO(), width=200)
        fixed = ["--suite", str(tmp_path / "small.toml"), "--results", str(tmp_path)]
        return compare.main([*fixed, *arguments], console), " ".join(console.file.getvalue().split())

    return run


def row(agent, tmp_path, *tables, task_hash="a"):
    results, paths = [], []
    for seed, returns in enumerate(tables):
        paths.append(tmp_path / agent / f"seed-{seed:03}.json")
        results.append(RESULT | {"seed": seed, "task_hash": task_hash, "metrics": {"return": np.mean(returns).item()}})
        write_run(paths[-1], results[-1], [{"return": value} for value in returns])
    return report.Row("Task-v0", agent, results, len(tables), paths=paths)


def test_a_pair_by_hand(tmp_path):
    first, second = row("a", tmp_path, [1.0, 0.5], [0.5, 0.0]), row("b", tmp_path, [0.5, 0.5], [0.0, 0.25])
    pair = compare.Pair(first, second)
    assert pair.differences.by_seed.tolist() == [0.25, 0.125]
    assert pair.differences.by_example.tolist() == [0.5, -0.125]
    assert pair.improvement == (1 + 0.5 + 1 + 0) / 4
    assert pair.difference.error**2 == pytest.approx(0.125**2 / 4 + 0.625**2 / 4)
    examples_path(first.paths[1]).unlink()
    kept = compare.Pair(row("c", tmp_path, [1.0, 0.5], [0.5, 0.0]), second)
    examples_path(kept.first.paths[1]).unlink()
    assert kept.improvement == 0.75 and kept.improvement_interval is None  # one seed's texts
    assert kept.differences.by_seed.tolist() == [0.25, 0.125] and kept.differences.by_example.tolist() == [0.5, 0.0]
    assert compare.Pair(first, row("d", tmp_path, [0.0], [0.0], task_hash="other")).difference is None


def test_a_difference_shows_that_the_agents_own_intervals_hide(publish, run):
    # each agent's own interval is some .3 wide
    publish(ppo=(0.55, 0.5), zero_shot=(0.45, 0.5))
    status, said = run("ppo", "zero_shot")
    assert status == 0
    assert "ppo is better than zero_shot on 1 of 2 tasks (TextGen-QA-v0)." in said
    assert "ppo is worse than zero_shot on 0 of 2 tasks. On the others no difference is shown" in said
    assert "Over all tasks the normalised score differs by +0.05" in said
    assert "‡ of another task" in said
    assert "zero_shot is worse than ppo on 1 of 2 tasks (TextGen-QA-v0)." in run("zero_shot", "ppo")[1]


def test_p_values_are_corrected():
    found = dict(zip(TASKS, (0.03, 0.04), strict=True))

    class Known(compare.Pair):
        @property
        def difference(self):
            return type("Estimate", (), {"p_value": found[self.first.env_id]})

    rows = [report.Row(env_id, "ppo", [], 3) for env_id in TASKS]
    assert compare.p_values([Known(row, row) for row in rows]) == pytest.approx([0.06, 0.06])


def test_what_is_missing_is_told(publish, run, tmp_path):
    publish(ppo=(0.5, 0.5), zero_shot=(0.5, 0.5))
    for path in (tmp_path / "small" / "TextGen-NER-v0" / "ppo").rglob("seed-00[12].json"):
        path.unlink()
    status, said = run("ppo", "zero_shot")
    assert status == 0
    assert "1 tasks cannot be compared" in said and "1/3" in said
    status, said = run("ppo", "a2c")
    assert status == 1 and "no two seeds that both agents have finished" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pppo", "random"], "Unknown agent 'pppo'. Did you mean 'ppo'?"),
        (["random", "oracle"], "Unknown agent 'oracle'. Known: a2c, ppo"),
        (["ppo", "ppo"], "ppo cannot be compared with itself"),
        (["ppo", "random", "--suite", "quik"], "Did you mean 'quick'?"),
    ],
)
def test_bad_arguments_say_what_to_do(publish, run, arguments, message):
    publish()
    status, said = run(*arguments)
    assert status == 2
    assert message in said

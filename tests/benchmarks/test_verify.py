"""What is published is what comes out again."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from benchmarks import leaderboard, verify

SUITE = """
env_ids = ["TextGen-Sentiment-v0"]
seeds = [0, 1]
split = "validation"
num_examples = 4
num_envs = 3
reference = "textgym-tiny"
zero = "random"
one = "reference"
agents = [{ name = "random" }, { name = "reference" }]
env_kwargs = { max_new_tokens = 3 }
report = { before = "random", after = "reference", examples = 2 }
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Published results of a small suite."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "small.toml").write_text(SUITE)
    arguments = ["--suite", str(folder / "small.toml"), "--results", str(folder)]
    assert leaderboard.main(arguments, Console(file=io.StringIO())) == 0
    return folder


def run(folder, *arguments):
    console = Console(file=io.StringIO(), width=200)
    status = verify.main(["--suite", str(folder / "small.toml"), "--results", str(folder), *arguments], console)
    return status, " ".join(console.file.getvalue().split())


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("seed-*")}


def test_the_same_machine_gives_the_same_bits(published):
    before = files(published)
    status, said = run(published, "--sample", "9")
    assert status == 0, said
    assert "4 of 4 runs are verified, 4 of them to the last bit." in said
    assert files(published) == before


def test_the_choice_is_that_of_its_seed(published):
    cells = verify.published(verify.load_suite(str(published / "small.toml")), published)
    choices = [verify.drawn(cells, 2, seed) for seed in (0, 0, *range(9))]
    assert choices[0] == choices[1] and len({tuple(cell.path for cell in own) for own in choices}) > 1


@pytest.fixture
def change(published):
    """Change the published results of an agent; they are put back."""
    before = files(published)

    def change(agent, edit):
        for path in (published / "small" / "TextGen-Sentiment-v0" / agent).rglob("seed-*.json"):
            path.write_text(json.dumps(edit(json.loads(path.read_text()))))

    yield change
    for path, content in before.items():
        path.write_bytes(content)


def test_what_is_not_identical_has_to_lie_where_one_more_seed_would(published, change):
    change("reference", lambda result: result | {"metrics": result["metrics"] | {"length": 7.0}, "hardware": "another"})
    change("random", lambda result: result | {"metrics": result["metrics"] | {"return": 0.99 + result["seed"] / 1000}})
    status, said = run(published, "--sample", "4")
    assert status == 1
    assert said.count("in the interval (other hardware)") == 2
    assert said.count("OUTSIDE the interval (same machine class, and not identical)") == 2
    assert "2 of 4 runs are verified, 0 of them to the last bit." in said


def test_a_run_that_fails_now_is_told():
    verdict = verify.Verdict({"status": "finished"}, {"status": "failed", "error": "no luck"}, (0.0, 1.0))
    assert str(verdict) == "FAILED: no luck" and not verdict.within and not verdict.identical


def test_results_of_another_task_are_no_fault_of_theirs(published, change):
    change("random", lambda result: result | {"task_hash": "0" * 64})
    cells = verify.published(verify.load_suite(str(published / "small.toml")), published)
    assert [cell.agent.name for cell in verify.drawn(cells, 9, seed=0)] == ["reference", "reference"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "0"], "--sample is 0"),
        (["--suite", "quik"], "Did you mean 'quick'?"),
        (["--results", "nowhere"], "Nothing can be verified: all 0 finished runs"),
        (["--device", "cuda:99"], "There is no device 'cuda:99' here"),
    ],
)
def test_bad_arguments_say_what_to_do(published, arguments, message):
    status, said = run(published, *arguments)
    assert status == 2
    assert message in said


def test_one_more_seed_lies_in_its_interval():
    # the interval of the mean would hold one more of three seeds in 84 of 100 cases
    rng = np.random.default_rng(0)
    seeds = rng.normal(size=(2000, 4))
    intervals = [verify.one_more(own[:3]) for own in seeds]
    assert np.mean([low <= own[3] <= high for own, (low, high) in zip(seeds, intervals, strict=True)]) >= 0.94
    assert verify.one_more(np.array([0.5])) is None

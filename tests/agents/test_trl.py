"""TRL's GRPO trains on what the environment has, in several processes, and its result is a row of the board."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from agents import trl as agent
from agents import zero_shot
from benchmarks import leaderboard
from benchmarks.results_io import ROOT, read_examples
from textgym import models
from textgym.errors import UnknownNameError
from textgym.evaluation.play import make_env, play

pytest.importorskip("trl")

SUITE = """
env_ids = ["TextGen-QA-v0"]
seeds = [0]
split = "validation"
num_examples = 4
num_envs = 3
reference = "textgym-tiny"
zero = "random"
one = "reference"
agents = [{ name = "random" }, { name = "reference" }ENTRY]
env_kwargs = { max_new_tokens = 3 }
report = { before = "random", after = "reference", examples = 2 }
"""
SETTINGS = {"per_device_train_batch_size": 4, "num_generations": 2, "model": "textgym-tiny"}


@pytest.mark.parametrize("env_id", ["TextGen-QA-v0", "TextGen-Sentiment-v0"])
def test_it_is_asked_and_scored_as_in_the_environment(env_id):
    # prompts without the task's template, or columns of another row, would train on another task
    kwargs = {"max_new_tokens": 5, "reward_funcs": ["token_f1", "length"], "reward_weights": [1.0, 0.5]}
    env = make_env(env_id, 8, "train", kwargs)
    _, tokenizer = models.load(env.tokenizer.name)
    table = agent.table_of(env, tokenizer)
    assert len(table["index"]) > 0.9 * len(env.prompts)
    episodes = play(zero_shot.make_agent(env_id, seed=0, env_kwargs=kwargs), env, table["index"][:8], seed=0)
    for episode, prompt in zip(episodes, table["prompt"], strict=False):
        start = episode.info["prompt_length"]
        assert tokenizer(prompt)["input_ids"] == episode.tokens[:start].tolist()
    logged = {}
    scores = agent.reward_of(env)(
        prompts=table["prompt"][:8],
        completion_ids=[episode.tokens[episode.info["prompt_length"] :].tolist() for episode in episodes],
        index=table["index"][:8],
        log_metric=logged.__setitem__,
    )
    assert scores == pytest.approx([episode.score for episode in episodes])
    for name in ("token_f1", "length"):
        assert logged[f"score/{name}"] == pytest.approx(np.mean([e.info["rewards"][name] for e in episodes]))


@pytest.mark.slow
def test_two_processes_of_accelerate_write_a_row_of_the_board(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SUITE.replace("ENTRY", ""))
    # the launcher's name for several processes; those that compute on a CPU talk through gloo
    launch = f"{sys.executable} -m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1".split()
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "agents.trl", "--id", "TextGen-QA-v0"]
    launch += ["--suite", str(path), "--results", str(tmp_path / "results"), "--save", str(tmp_path / "trained")]
    launch += ["--tokens", "40", "--device", "cpu"]
    launch += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    done = subprocess.run(launch, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (written,) = (tmp_path / "results").rglob("seed-*.json")
    result = json.loads(written.read_text())
    assert result["status"] == "finished" and len(read_examples(written)) == 4
    assert result["hyperparameters"]["processes"] == 2 and result["hyperparameters"]["beta"] == 0.02
    # steps of 2 x 4 completions of at most 3 tokens each: one process alone would need twice as many for the budget
    assert 40 <= result["cost"]["train_tokens"] < 40 + 24
    assert [point[0] for point in result["curve"]][-1] == result["cost"]["train_tokens"]
    assert all(after[0] - before[0] <= 24 for before, after in zip(result["curve"], result["curve"][1:], strict=False))
    assert result["metrics"]["kl"] is not None
    before, after = models.load("textgym-tiny")[0], models.load(str(tmp_path / "trained"))[0]
    assert any(not old.equal(new) for old, new in zip(before.parameters(), after.parameters(), strict=True))
    entry = done.stdout.partition("overrides = ")[2].strip()
    path.write_text(
        SUITE.replace("ENTRY", f', {{ name = "trl", file = "trl", total_tokens = 40, overrides = {entry} }}')
    )
    console = Console(file=io.StringIO(), width=300)
    leaderboard.main(["--suite", str(path), "--results", str(tmp_path / "results"), "--report"], console)
    (row,) = [line for line in console.file.getvalue().splitlines() if line.startswith("trl ") and "1/1" in line]
    assert f"{result['metrics']['return']:.3f}" in row


def test_a_setting_that_is_not_trls_is_refused():
    with pytest.raises(UnknownNameError, match=r"field of GRPOConfig 'learning_rat'.*learning_rate"):
        agent.make_agent("TextGen-Sentiment-v0", seed=0, total_tokens=8, learning_rat=1e-3)

"""Published results of two tasks and two agents, one of which lacks a seed."""

import pytest

from benchmarks.results_io import write_run
from tests.benchmarks.test_results_io import RESULT

SUITE = """
env_ids = ["TextGen-QA-v0", "TextGen-NER-v0"]
seeds = [0, 1]
split = "test"
num_envs = 3
reference = "textgym-tiny"
zero = "random"
one = "reference"
agents = [{ name = "random" }, { name = "reference" }]
report = { before = "random", after = "reference", examples = 2 }
"""
RETURNS = {0: [0.25, 1.0], 1: [0.5, 0.75]}  # by seed


def record(seed, index):
    return {
        "index": index,
        "prompt": f"é {index}",
        "completion": f"seed {seed}\n",
        "reference": ["an answer", "another"] if index else None,
        "rewards": {"token_f1": RETURNS[seed][index]},
        "return": RETURNS[seed][index],
        "gold": 0.5,
        "metrics": {},
        "kl": None,
        "reference_log_prob": -7.5,
        "length": 3,
        "finish_reason": "eos",
    }


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The folder, with the suite as small.toml."""
    monkeypatch.setattr("benchmarks.suite.configs", lambda suite, _: [None] * len(suite.agents))
    (tmp_path / "small.toml").write_text(SUITE)
    for env_id in ("TextGen-QA-v0", "TextGen-NER-v0"):
        for agent in ("random", "reference"):
            for seed, returns in RETURNS.items():
                if (env_id, agent, seed) == ("TextGen-NER-v0", "reference", 1):
                    continue
                path = tmp_path / "small" / env_id / agent / "0123abcd" / f"seed-{seed:03}.json"
                changes = {
                    "env_id": env_id,
                    "agent": agent,
                    "seed": seed,
                    "metrics": {"return": sum(returns) / 2, "gold": 0.5, "kl": None, "length": 3.0},
                    "versions": {"textgym": "0.1.0", "transformers": "5.0", "tokenizers": None},
                    "command": "python -m benchmarks.leaderboard",
                    "ended": f"2026-11-28T03:28:5{seed}+00:00",
                    "env": {"kwargs": {"dataset": "qa", "max_new_tokens": 20, "prompt_template": "{prompt}\nA:"}},
                }
                write_run(path, RESULT | changes, [record(seed, index) for index in range(2)])
    return tmp_path

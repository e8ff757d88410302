"""The README's code runs, and its tables say what the registries and the published results say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import readme
from benchmarks.results_io import ROOT
from textgym import data, rewards

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block, as a reader would paste them, with fewer rows, tokens and examples."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    for code in BLOCKS:
        short = re.sub(r"num_envs=64|num_examples=100", lambda match: match[0].split("=")[0] + "=4", code)
        short, learned = re.subn(r"learn\([\d_]+", "learn(128", short)
        assert learned == code.count(".learn(")
        exec(compile(short, "README.md", "exec"), namespace)
    assert (tmp_path / "ppo-sentiment.zip").exists()


def test_tables_are_up_to_date() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.rendered(text) == text, "python -m benchmarks.readme"


def test_constant_praise_is_above_all_agents_of_the_board() -> None:
    """What the README warns of; fails if the judges come to see it, and then the warning must go."""
    prompts = list(data.load("sentiment", "test").columns["prompt"])
    praise = [" a great, moving and very funny film."] * len(prompts)
    runs = [json.loads(path.read_text()) for path in (ROOT / "benchmarks/results/quick").rglob("seed-*.json")]
    for judge, metric in (("sentiment", "return"), ("gold", "gold")):
        scores = rewards.get(judge)(prompts=prompts, completions=praise)
        assert sum(scores) / len(scores) > max(run["metrics"][metric] for run in runs)

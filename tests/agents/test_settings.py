"""Hyperparameters are data beside an agent's file: of the task before the default ones, a caller's before both."""

import inspect
import tomllib
from dataclasses import fields
from pathlib import Path

import gymnasium as gym
import pytest

import agents
from agents import ppo
from agents._settings import DEFAULT, budget, settings_of, settled
from benchmarks.suite import AgentEntry, load_suite
from textgym.errors import ConfigurationError

FOLDER = Path(agents.__path__[0])
FILES = sorted(FOLDER.glob("*.toml"))
BOTH = """
[default]
chosen = "by hand"
total_tokens = 100
hyperparameters = { learning_rate = 1e-5, n_steps = 8 }
[TextGen-QA-v0]
chosen = "by the return on the validation split"
total_tokens = 200
hyperparameters = { learning_rate = 1e-4 }
"""


@pytest.fixture
def agent(tmp_path):
    (tmp_path / "mine.toml").write_text(BOTH)
    return tmp_path / "mine.py"


def test_a_tasks_own_table_goes_before_the_default_one(agent):
    assert settled(agent, "TextGen-QA-v0", {}) == {"learning_rate": 1e-4}
    assert settled(agent, "TextGen-NER-v0", {"n_steps": 16}) == {"learning_rate": 1e-5, "n_steps": 16}
    assert (budget(agent, "TextGen-QA-v0"), budget(agent, "TextGen-NER-v0")) == (200, 100)


def test_without_a_file_or_a_table_there_are_none(tmp_path):
    assert settings_of(tmp_path / "mine.py", "TextGen-QA-v0") is None
    (tmp_path / "mine.toml").write_text(BOTH.replace("default", "TextGen-Dialogue-v0"))
    assert settled(tmp_path / "mine.py", "TextGen-NER-v0", {"n_steps": 4}) == {"n_steps": 4}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("total_tokens = 100", "total_tokens = 1e2", "total_tokens is 100.0. Give int"),
        ("total_tokens = 100", "tokens = 100", "unexpected keyword argument 'tokens'"),
        ('chosen = "by hand"', "", "'chosen'"),
        ("[default]", "[default", "mine.toml, settings for TextGen-NER-v0"),
    ],
)
def test_a_bad_file_is_refused_by_name(agent, old, new, message):
    agent.with_suffix(".toml").write_text(BOTH.replace(old, new))
    with pytest.raises(ConfigurationError, match=message):
        settings_of(agent, "TextGen-NER-v0")


def test_an_agent_trains_by_its_settings(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr("agents._training.settled", lambda file, env_id, given: seen.update(file=file) or settled(
        tmp_path / "ppo.py", env_id, given
    ))  # fmt: skip
    (tmp_path / "ppo.toml").write_text(BOTH.replace("n_steps = 8", "n_steps = 8, batch_size = 16"))
    made = ppo.make_agent("TextGen-Sentiment-v0", seed=0, total_tokens=1, num_envs=2, env_kwargs={"max_new_tokens": 5})
    assert Path(seen["file"]) == FOLDER / "ppo.py"
    assert {name: made.hyperparameters[name] for name in ("learning_rate", "n_steps", "num_envs")} == {
        "learning_rate": 1e-5, "n_steps": 8, "num_envs": 2,
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_published_settings_are_of_tasks_and_hyperparameters_that_there_are(path):
    accepted = hyperparameters_of(path.stem)
    for env_id, table in tomllib.loads(path.read_text()).items():
        assert env_id == DEFAULT or env_id in gym.registry
        settings = settings_of(path, env_id)
        assert settings.hyperparameters.keys() <= accepted
        assert settings.total_tokens == table["total_tokens"] > 0
        assert "validation" in settings.chosen and "test split" not in settings.chosen


def hyperparameters_of(name):
    """The names that an agent takes: its ``Config``'s, and those of the agent that it passes them on to."""
    module = __import__(f"agents.{name}", fromlist=["x"])
    named = set(inspect.signature(module.make_agent).parameters)
    if name.startswith("supervised_"):
        named |= hyperparameters_of(name.removeprefix("supervised_"))
    return named | {field.name for field in fields(module.Config)} if hasattr(module, "Config") else named


def test_the_board_knows_an_agent_by_the_settings_of_its_task(agent):
    agent.write_text("def make_agent(env_id, *, seed, total_tokens): ...")
    entry = AgentEntry("mine", str(agent))
    before = {env_id: entry.settings(env_id) for env_id in ("TextGen-QA-v0", "TextGen-NER-v0")}
    assert before["TextGen-QA-v0"]["mine.py"]["hyperparameters"] == {"learning_rate": 1e-4}
    assert entry.budget("TextGen-QA-v0") == 200
    agent.with_suffix(".toml").write_text(BOTH.replace("1e-4", "3e-4"))
    assert entry.settings("TextGen-QA-v0") != before["TextGen-QA-v0"]
    assert entry.settings("TextGen-NER-v0") == before["TextGen-NER-v0"]


@pytest.mark.parametrize("name", ["supervised_ppo", "supervised_grpo"])
def test_headroom_measures_the_start_that_its_learners_begin_at(name):
    """Lifts are paired: another start would be part of them."""
    (start,) = (agent for agent in load_suite("headroom").agents if agent.name == "supervised")
    for env_id in load_suite("headroom").env_ids:
        own = settled(FOLDER / f"{name}.py", env_id, {})
        assert not {"supervised_tokens", "supervised_overrides"} & own.keys()
        assert (start.total_tokens, start.overrides) == (None, {})  # both by agents/supervised.toml

"""Rewards by name."""

import contextlib
import importlib
import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pytest

from textgym import data, rewards
from textgym.errors import ConfigurationError, MissingPackageError, UnknownNameError
from textgym.rewards import registry


@pytest.fixture(autouse=True)
def own_registry():
    """What a test registers is gone after it."""
    before = rewards.names()
    yield
    for name in set(rewards.names()).difference(before):
        del registry._REGISTRY[name]


PROMPTS, COMPLETIONS = ["The film", "It"], ["was a wonderful surprise", ""]


def rows(name):
    """The columns that built-in rewards compare with."""
    columns = {"reference": ["a", "b"], "concepts": [["film"], []], "items": [["a"], ["b"]], "pattern": [".*", "a"]}
    columns |= {"answer": ["1", "2"], "ratings": [[80], [70]]}
    columns |= {"keywords": [["film"], []], "forbidden": [["film"], ["a", "b"]]}
    if name == "reasoning_gym":
        columns["entry"] = list(data.load("reasoning_gym", "test").columns["entry"][:2])
    return columns


@pytest.mark.parametrize("name", rewards.names())
def test_built_in_rewards_keep_the_contract(name):
    # by position, by keyword, with keywords that they don't know, and on empty texts
    prompts, completions = PROMPTS, COMPLETIONS
    reward = rewards.get(name)
    try:
        row = rows(name)
        values = reward(prompts, completions, **row)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert values == reward(prompts=prompts, completions=completions, completion_ids=[[1], []], something=[1, 2], **row)
    assert len(values) == 2 and all(type(value) is float for value in values)
    assert all(-1 <= value <= 1 for value in values)


@pytest.mark.parametrize("name", rewards.names())
def test_built_in_rewards_go_by_their_registered_name(name):
    # TRL reports a reward function by its __name__, and fails where it has none
    assert rewards.get(name).__name__ == name
    assert pickle.loads(pickle.dumps(rewards.get(name))).__name__ == name


@pytest.mark.parametrize("name", rewards.names())
def test_built_in_rewards_declare_the_columns_that_they_need(name):
    # the README and the command line show what is declared
    reward = rewards.get(name)
    try:
        given = {column: rows(name)[column] for column in getattr(reward, "columns", ())}
        assert len(reward(PROMPTS, COMPLETIONS, **given)) == 2
        for column in given:
            with pytest.raises(ConfigurationError, match=f"the column '{column}', which the data set does not have"):
                reward(PROMPTS, COMPLETIONS, **{key: values for key, values in given.items() if key != column})
    except MissingPackageError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", rewards.names())
def test_built_in_rewards_take_conversations(name):
    # TRL's conversational data has lists of messages; a TypeError from within a metric helps nobody
    reward = rewards.get(name)
    try:
        expected = reward(PROMPTS, COMPLETIONS, **rows(name))
    except MissingPackageError as error:
        pytest.skip(str(error))
    prompts = [[{"role": "user", "content": prompt}] for prompt in PROMPTS]
    completions = [[{"role": "assistant", "content": completion}] for completion in COMPLETIONS]
    assert reward(prompts=prompts, completions=completions, **rows(name)) == expected


def test_built_in_rewards_are_found_without_being_imported():
    code = """
import sys
from textgym import rewards
from textgym.rewards.registry import _REGISTRY
assert len(rewards.names()) > 40 and not _REGISTRY, _REGISTRY
assert "textgym.rewards.judges.sentiment" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_found_is_what_the_modules_register():
    # the names are read from the files: a name that is put together, or in a loop, would be missed
    for module in set(registry.built_in().values()):
        with contextlib.suppress(MissingPackageError):
            importlib.import_module(module)
            registered = {name for name, reward in registry._REGISTRY.items() if reward.__module__ == module}
            assert registered == {name for name, found in registry.built_in().items() if found == module}


def test_unknown_name(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match=r"reward 'lenght'. Did you mean 'length'"):
        rewards.get("lenght")
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="reward ''"):  # not the current folder
        rewards.get("")


def test_register_and_collision():
    @rewards.register("shouting")
    def shouting(completions, **_):
        return [float(text.isupper()) for text in completions]

    assert rewards.get("shouting") is shouting and "shouting" in rewards.names()

    def other(completions, **_):
        return [0.0 for _ in completions]

    for taken in ("shouting", "sentiment"):
        with pytest.raises(ConfigurationError, match=f"'{taken}' is already registered"):
            rewards.register(taken)(other)
    assert rewards.register("shouting")(shouting) is shouting  # the same function again: a notebook cell run twice


def test_a_file_under_two_module_names_is_no_collision(tmp_path, monkeypatch):
    # a script that is imported too, or a file that the command line runs and a task imports
    def run(name, path):
        path.write_text(
            "from textgym import rewards\n\n\n@rewards.register('kind')\ndef kind(completions, **_):\n    return []\n",
            encoding="utf-8",
        )
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module.kind

    run("one", tmp_path / "kind.py")
    again = run("two", tmp_path / ".." / tmp_path.name / "kind.py")
    assert rewards.get("kind") is again
    with pytest.raises(ConfigurationError, match=r"'kind' is already registered \(.*kind\.py:kind\)"):
        run("three", tmp_path / "another.py")


def test_vader_is_moved_to_the_unit_interval():
    good, none, bad = rewards.get("vader")(completions=["a wonderful film", "the", "a terrible mess"])
    assert good > 0.7 > none == 0.5 > 0.3 > bad


def test_vader_tells_good_reviews_from_bad_ones():
    """The area under its curve on the validation split; .5 is chance, and `gold` has .8."""
    columns = data.load("sentiment", "validation").columns
    scores, label = np.array(rewards.get("vader")(completions=columns["reference"])), np.array(columns["label"])
    good, bad = scores[label == 1][:, None], scores[label == 0]
    assert (good > bad).mean() + (good == bad).mean() / 2 > 0.65


def test_a_long_name_is_shown_in_part():
    assert len(str(UnknownNameError("reward", "x" * 5_000, ["length"]))) < 200

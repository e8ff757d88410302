"""A task's name changes with what it rewards, and with nothing else."""

import importlib
import sys

import pytest

from textgym.evaluation import task_hash
from textgym.evaluation.source import Definitions, essence
from textgym.rewards import get

HELPERS = """
FACTOR = 2

def twice(text):
    return FACTOR * len(text)

def neighbour(text):
    return -1.0
"""
REWARDS = """
from helpers import twice
import helpers as more

class Scale:
    by = 1.0

def mine(completions, **_):
    score = Scale.by
    return [score * twice(text) for text in completions]

def also(completions, **_):
    from helpers import FACTOR
    return [FACTOR + more.twice(text) for text in completions]
"""


@pytest.fixture
def hashes(tmp_path, monkeypatch):
    """The hashes of a task under both rewards, after one text of the modules has been replaced by another."""
    monkeypatch.syspath_prepend(tmp_path)

    def hashes(old="", new="", function="mine"):
        for name, source in (("helpers", HELPERS), ("my_rewards", REWARDS)):
            (tmp_path / f"{name}.py").write_text(source.replace(old, new) if old else source)
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        reward = getattr(importlib.import_module("my_rewards"), function)
        kwargs = {"dataset": [{"prompt": "a film"}], "reward_funcs": reward}
        return task_hash("TextGen-Sentiment-v0", gold=None, reference=None, env_kwargs=kwargs)

    return hashes


@pytest.mark.parametrize("function", ["mine", "also"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return FACTOR", "    # a comment\n    return FACTOR"),
        ("def twice(text):\n", 'def twice(text):\n    """Described."""\n'),
        ("FACTOR * len(text)", "(FACTOR*len(\n    text))"),
        ("-1.0", "-2.0"),  # what no reward here uses
        ("\ndef neighbour", "\ndef score(text):\n    return 3.0\n\ndef neighbour"),  # a new one, called as a local name
        ("\ndef mine", "\ndef another(completions, **_):\n    return [0.0 for _ in completions]\n\ndef mine"),
    ],
)
def test_comments_formatting_and_neighbours_do_not_count(hashes, function, old, new):
    assert old in HELPERS + REWARDS
    assert hashes(old, new, function) == hashes(function=function)


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        ("mine", "score * twice", "score + twice"),
        ("mine", "FACTOR * len", "FACTOR + len"),
        ("mine", "FACTOR = 2", "FACTOR = 3"),
        ("mine", "by = 1.0", "by = 2.0"),
        ("also", "FACTOR * len", "FACTOR + len"),
        ("also", "FACTOR = 2", "FACTOR = 3"),
    ],
)
def test_what_a_reward_uses_counts_wherever_it_is(hashes, function, old, new):
    assert old in HELPERS + REWARDS
    assert hashes(old, new, function) != hashes(function=function)


def test_installed_packages_count_by_name_whatever_environment_they_are_of(tmp_path, monkeypatch):
    # following them would take in half an environment
    folder = tmp_path / "other" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(folder)
    (tmp_path / "mine_of_it.py").write_text("from installed import twice\n\ndef mine(text):\n    return twice(text)\n")
    monkeypatch.syspath_prepend(tmp_path)
    (folder / "installed.py").write_text("def twice(text):\n    return 2 * len(text)\n")
    definitions = Definitions()
    definitions.add(importlib.import_module("mine_of_it").mine)
    assert definitions.found["installed:twice"] == ""
    assert "twice(text)" in definitions.found["mine_of_it:mine"]


def test_a_judges_file_counts(tmp_path, monkeypatch):
    # its path is a constant of the module that reads it; another judge's file is nobody's business
    from textgym.rewards.judges import sentiment

    def own():
        return task_hash("TextGen-Sentiment-v0", num_examples=2, gold=None, reference=None)

    before = own()
    copy = tmp_path / "sentiment.npz"
    copy.write_bytes(sentiment.WEIGHTS.read_bytes())
    monkeypatch.setattr(sentiment, "WEIGHTS", copy)
    assert own() == before
    copy.write_bytes(copy.read_bytes() + b" ")
    assert own() != before


def test_built_in_rewards_are_followed_through_their_helpers():
    definitions = Definitions()
    definitions.add(get("sentiment"))
    assert {
        "textgym.rewards.judges.sentiment:features",
        "textgym.rewards.judges.sentiment:WORD",
    } <= definitions.found.keys()
    assert [path.name for path in definitions.paths] == ["sentiment.npz"]
    assert not any(name.startswith("textgym.rewards.registry") and text for name, text in definitions.found.items())


def test_what_was_typed_into_a_notebook_is_followed_from_cell_to_cell():
    # each cell is a file of its own, and none of them is on disk
    import linecache

    namespace = sys.modules["__main__"].__dict__
    found = []
    for factor in (1, 2):
        for cell, source in enumerate(
            [
                f"def factor_of(text): return {factor}\n",
                "def typed(completions, **_): return [*map(factor_of, completions)]\n",
            ]
        ):
            name = f"<cell {factor} {cell}>"
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)
            exec(compile(source, name, "exec"), namespace)
        kwargs = {"dataset": [{"prompt": "a film"}], "reward_funcs": namespace["typed"]}
        found.append(task_hash("TextGen-Sentiment-v0", gold=None, reference=None, env_kwargs=kwargs))
    assert found[0] != found[1]


def test_essence_keeps_what_runs():
    assert essence("x = 'kept'  # not kept") == "x = 'kept'"
    assert essence('class A:\n    """Gone."""') == "class A:\n    pass"
    assert essence('"""Gone."""\nf = 1') == "f = 1"

"""Modules of `evaluate` as rewards."""

import pickle
import socket

import evaluate
import pytest

from textgym import metrics, rewards
from textgym.errors import ConfigurationError, MissingPackageError, RewardError, UnknownNameError
from textgym.rewards import EvaluateModule, RewardFunctions

SCRIPT = """
import datasets
import evaluate


class Lengths(evaluate.Metric):
    def _info(self):
        texts = datasets.Value("string")
        return evaluate.MetricInfo(
            description="", citation="", features=[
                datasets.Features(predictions=texts, references=texts),
                datasets.Features(predictions=texts, references=datasets.Sequence(texts)),
            ],
        )

    def _compute(self, predictions, references, factor=1):
        lengths = [factor * len(text) for text in predictions]
        return {"longest": max(lengths), "each": lengths, "references": [len(reference) for reference in references]}
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*args):
        raise OSError(f"a connection to {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def lengths(tmp_path):
    folder = tmp_path / "lengths"
    folder.mkdir()
    (folder / "lengths.py").write_text(SCRIPT)
    return folder


def test_each_text_is_computed_by_itself():
    # ROUGE of the batch is its mean, and would be the reward of every row
    reward = EvaluateModule(metrics.module_path("rouge_n"), n=2)
    texts, references = ["the cat sat", "a dog", "so"], ["the cat ran", ["a dog", "the dog"], None]
    assert reward(["p"] * 3, texts, reference=references) == [0.5, 1.0, None]
    assert reward(completions=[], reference=[]) == []


def test_of_several_results_one_is_chosen(lengths):
    texts, references = ["a", "bbb"], ["x", "y"]
    assert EvaluateModule(lengths, "longest", factor=2)(completions=texts, reference=references) == [2, 6]
    assert EvaluateModule(lengths / "lengths.py", "each")(completions=texts, reference=references) == [1, 3]
    with pytest.raises(ConfigurationError, match="several results: longest, each, references"):
        EvaluateModule(lengths)(completions=texts, reference=references)
    with pytest.raises(UnknownNameError, match=r"'largest'\. Did you mean 'longest'"):
        EvaluateModule(lengths, "largest")(completions=texts, reference=references)


def test_all_at_once(lengths):
    texts = ["a", "bbb", "cc"]
    assert EvaluateModule(lengths, "each", per_text=False)(completions=texts, reference=["x", None, "y"]) == [
        1,
        None,
        2,
    ]
    with pytest.raises(RewardError, match="gives 1 values of 'longest' for 2 texts"):
        EvaluateModule(lengths, "longest", per_text=False)(completions=texts, reference=["x", None, "y"])
    # evaluate would take the list for the text "['x', 'y']"
    reward = EvaluateModule(lengths, "references", per_text=False)
    assert reward(completions=texts, reference=["word", ["x", "y"], ["x"]]) == [1, 2, 1]


def test_modules_without_references(lengths):
    assert EvaluateModule(metrics.module_path("distinct_n"))(completions=["a b a b"]) == [2 / 3]
    with pytest.raises(ConfigurationError, match="no column 'reference'"):
        EvaluateModule(lengths, "each")(completions=["a"])


def test_by_name(lengths):
    path = metrics.module_path("token_f1")
    assert rewards.get(f"evaluate:{path}")(completions=["a b"], reference=["b"]) == [1.0]
    assert RewardFunctions([EvaluateModule(path), EvaluateModule(lengths, "each")]).names == [
        "token_f1",
        "lengths_each",
    ]


def test_travels_without_the_module(lengths):
    reward = EvaluateModule(lengths, "each", factor=3)
    value = reward(completions=["a"], reference=["b"])
    assert pickle.loads(pickle.dumps(reward))(completions=["a"], reference=["b"]) == value == [3]


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no evaluate module accuracies .* check the name and the network"):
        EvaluateModule("accuracies")(completions=["a"], reference=["b"])
    (tmp_path / "broken.py").write_text("import a_package_that_nobody_has\n")
    with pytest.raises(MissingPackageError, match="pip install a_package_that_nobody_has"):
        EvaluateModule(tmp_path / "broken.py")(completions=["a"], reference=["b"])


@pytest.mark.parametrize("cause", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_home_that_cannot_be_written_is_not_taken_for_a_missing_module(cause, monkeypatch):
    def load(*args, **kwargs):
        raise cause

    monkeypatch.setattr(evaluate, "load", load)
    with pytest.raises(ConfigurationError, match=r"cannot be written: .* Set the environment variable HF_HOME"):
        EvaluateModule("accuracy")(completions=["a"], reference=["b"])

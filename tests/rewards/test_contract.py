"""Reward functions of functions that judge one text."""

import pickle

import pytest

from textgym.errors import ConfigurationError, DatasetError, RewardError
from textgym.metrics.references import items_of
from textgym.rewards.contract import per_text, texts


@per_text
def shared(completion: str, prompt: str, words: str) -> float:
    """Of a text."""
    return float(sum(word in completion and word in prompt for word in items_of(words)))


class AtLeast:
    __name__ = "at_least"

    def __init__(self, length):
        self.length = length

    @per_text
    def __call__(self, completion):
        return float(len(completion) >= self.length)


def test_it_keeps_trls_contract():
    columns = {"words": ["a; b", None], "label": [1, 2], "self": ["x", "y"], "judge": [1, 1]}
    assert shared(["a b", "a"], ["a b", "a"], [[1], [2]], **columns) == [2.0, None]
    assert shared(prompts=["a", "a"], completions=["a b", "a"], trainer_state=object(), **columns) == [1.0, None]
    assert shared.columns == ("words",) and shared.__name__ == "shared" and shared.__doc__ == "Of a text."
    assert pickle.loads(pickle.dumps(shared)) is shared


def test_what_a_function_need_not_be_given_is_no_column():
    @per_text
    def long(completion, words, least=2, *others, **options):
        return float(len(completion) >= least and words in completion and not others and not options)

    assert long.columns == ("words",)
    assert long(completions=["a", "ab"], words=["a", "b"], label=[1, 2]) == [0.0, 1.0]


def test_a_method_judges_too():
    assert AtLeast(2)(["p", "p"], ["a", "ab"], self=["x", "y"]) == [0.0, 1.0]
    assert pickle.loads(pickle.dumps(AtLeast(1)))(completions=["a"]) == [1.0]


def test_what_is_missing_is_named():
    with pytest.raises(
        ConfigurationError, match=r"'shared' compares .* 'prompt' and the column 'words', .* \(it has: x\)"
    ):
        shared(completions=["a"], x=[1])
    with pytest.raises(DatasetError, match=r"The column 'prompt' is 'p' and 'words' is 3\. 3 is neither"):
        shared(["p"], ["a"], words=[3])


def test_conversations_are_what_the_assistant_says():
    said = [
        {"role": "assistant", "content": "so"},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": None},
    ]
    parts = [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}],
        }
    ]
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert texts(["", said, parts, asked, []]) == ["", "so", "ab", "Be kind.\nHi", ""]
    for wrong in (5, None, ["a"], {"role": "assistant"}):
        with pytest.raises(RewardError, match="neither a text nor a list of messages"):
            texts([wrong])

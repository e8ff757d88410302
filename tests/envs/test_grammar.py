"""Which tokens a grammar lets follow."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import textgym  # noqa: F401 - registers the environments
from textgym import data
from textgym.envs import ENVIRONMENTS
from textgym.envs.grammar import EMPTY, NOTHING, Grammar, after, either, many, may_end, seq
from textgym.errors import UnknownNameError

TASKS = [env.task for env in ENVIRONMENTS.values() if env.task and env.task.grammar]


def accepts(expression: Any, text: str) -> bool:
    for byte in text.encode():
        expression = after(expression, byte)
    return may_end(expression)


def test_derivatives_agree_with_python() -> None:
    expression = seq(either("ab", "a"), many(either("ba", "c")), "d")
    pattern = re.compile("(ab|a)(ba|c)*d")
    texts = ["", "d", "ad", "abd", "abad", "abbad", "acbacd", "abab", "adx", "abacd", "aabd"]
    assert [accepts(expression, text) for text in texts] == [bool(pattern.fullmatch(text)) for text in texts]
    assert seq("a", NOTHING) == NOTHING and seq(EMPTY, "a") == seq("a") == either("a", "a")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.grammar)
def test_every_reference_is_written_by_its_tasks_grammar(task: Any, tokenizer: Any) -> None:
    grammar = Grammar(task.grammar, data.load(task.dataset, "train"), tokenizer)
    for reference in data.load(task.dataset, "validation").columns["reference"][:40]:
        ids = [*tokenizer.encode(" " + reference), tokenizer.eos_token_id]
        assert all(grammar.mask(ids[:length])[token] for length, token in enumerate(ids)), reference


def test_texts_end_where_they_are_whole_and_nowhere_else(tokenizer: Any) -> None:
    grammar = Grammar("sums", data.load("arithmetic", "train"), tokenizer)
    eos = tokenizer.eos_token_id
    for text, ends in (("", False), (" 2 + 3 =", False), (" Answer: ", False), (" Answer: 5", True)):
        mask = grammar.mask(tokenizer.encode(text))
        assert mask[eos] == ends and mask.any(), text
        assert not mask[tokenizer.pad_token_id]
    after_answer = grammar.mask(tokenizer.encode(" Answer: 5"))
    assert {tokenizer.decode([i]) for i in np.flatnonzero(after_answer) if i != eos} == set("0123456789")
    nowhere = grammar.mask(tokenizer.encode(" a film"))  # never nothing: contrib would choose any token
    assert np.flatnonzero(nowhere).tolist() == [eos]


def test_environments_offer_it_on_request(tokenizer: Any) -> None:
    keywords = {"grammar": "labels", "split": "validation"}
    single = gym.make("TextGen-Classification-v0", **keywords).unwrapped
    envs = gym.make_vec("TextGen-Classification-v0", num_envs=2, **keywords)
    single.reset(seed=0)
    envs.reset(seed=0)
    assert single.action_masks().sum() < 100 < gym.make("TextGen-Classification-v0").unwrapped.action_masks().sum()
    arts, life = (tokenizer.encode(f" {label}") for label in ("arts", "life science"))
    envs.step(np.array([arts[0], life[0]]))
    masks = envs.unwrapped.action_masks()  # type: ignore[attr-defined]
    assert masks.shape == (2, 4096) and not np.array_equal(masks[0], masks[1])
    single.step(arts[0])
    assert np.array_equal(single.action_masks(), masks[0])
    single.step(tokenizer.encode(" zebra")[0])  # it forbids nothing
    with pytest.raises(UnknownNameError, match=r"'label'.*labels"):
        gym.make("TextGen-Classification-v0", grammar="label")

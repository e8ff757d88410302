"""The data sets made of Wikipedia's articles: their rows, their splits, and that their answers are right."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from typing import Any

import pytest

from textgym import rewards
from textgym.data import load
from textgym.data.hashing import normalise
from textgym.envs import ClassificationEnv, DataToTextEnv, SummarizationEnv
from textgym.envs.task import Task
from textgym.metrics import coverage

TASKS = {env.task.dataset: env.task for env in (ClassificationEnv, SummarizationEnv, DataToTextEnv) if env.task}
SPLITS = ("train", "validation", "test")
SIZES = {"classification": (3967, 294, 592), "summarization": (4000, 300, 600), "data_to_text": (3497, 235, 429)}
every_split = pytest.mark.parametrize(("name", "split"), list(product(TASKS, SPLITS)))
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def rows(name: str, split: str) -> list[dict[str, Any]]:
    columns = load(name, split).columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def scores(task: Task, split: str, completions: list[str], reward: str = "") -> list[float]:
    columns = {key: list(values) for key, values in load(task.dataset, split).columns.items()}
    prompts = columns.pop("prompt")
    return rewards.get(reward or task.reward_funcs)(prompts=prompts, completions=completions, **columns)


@every_split
def test_rows_are_whole_sentences_with_answers(name: str, split: str) -> None:
    """Fails if a sentence is cut at an abbreviation, or has lost a formula, or a text has stray white space."""
    data = rows(name, split)
    assert len(data) == SIZES[name][SPLITS.index(split)]
    for row in data:
        sentence = row["reference"] if name == "data_to_text" else row["prompt"]
        assert re.search(r"[.!?][\"”’)]*$", sentence) and not re.search(r"\b(?:St|Mt|Dr|Th|Sgt|c)\.$", sentence)
        assert sentence.count('"') % 2 == 0 and sentence.count("(") == sentence.count(")")
        assert not re.search(r"\( | [,.;:)]|\(\)", sentence)
        for text in (row["prompt"], row["reference"], row["title"]):
            assert text == " ".join(text.split()) != ""


@pytest.mark.parametrize("name", TASKS)
def test_splits_share_no_article_and_no_text(name: str) -> None:
    """Fails if rows, not articles, are split, or if two articles with one text are."""
    for key in ("title", "prompt"):
        seen = [{normalise(row[key]) for row in rows(name, split)} for split in SPLITS]
        assert len(set().union(*seen)) == sum(map(len, seen)) >= 0.99 * sum(SIZES[name])


def test_no_held_out_text_is_in_a_train_split_of_any_task() -> None:
    """Fails if each data set splits the articles in its own way: one task's test would be another's training."""
    trained_on = [row for name in TASKS for row in rows(name, "train")]
    titles = {normalise(row["title"]) for row in trained_on}
    everything = "\n".join(normalise(row["prompt"] + row["reference"]) for row in trained_on)
    for name, split in product(TASKS, ("validation", "test")):
        for row in rows(name, split):
            assert normalise(row["title"]) not in titles
            assert normalise(row["reference" if name == "data_to_text" else "prompt"]) not in everything


@every_task
def test_references_score_the_maximum_and_others_less(task: Task) -> None:
    """Fails if an answer depends on what the reward does not see, or the reward is the same for any text."""
    references = list(load(task.dataset, "test").columns["reference"])
    others = references[1:] + references[:1]
    gold, wrong = scores(task, "test", references), scores(task, "test", others)
    assert gold == pytest.approx([1.0] * len(references))
    different = [value for value, a, b in zip(wrong, references, others, strict=True) if normalise(a) != normalise(b)]
    assert max(different) < 1.0 and sum(different) < 0.3 * len(different)


@every_task
def test_the_gold_judge_prefers_the_references(task: Task) -> None:
    references = list(load(task.dataset, "test").columns["reference"])
    gold = scores(task, "test", references, task.gold)
    assert gold == pytest.approx([1.0] * len(gold), abs=1e-6)
    assert sum(scores(task, "test", references[1:] + references[:1], task.gold)) < 0.6 * len(references)


@pytest.mark.parametrize("split", SPLITS)
def test_no_topic_is_the_rule_or_named(split: str) -> None:
    """Fails if naming the largest class pays, or the sentence holds the answer."""
    data = rows("classification", split)
    counts = Counter(row["reference"] for row in data)
    assert len(counts) == 11 and max(counts.values()) < 0.12 * len(data)
    for row in data:
        assert not coverage(row["prompt"], [word for word in row["reference"].split() if word != "and"])
        assert not re.match(r"In (?:mathematics|physics|chemistry|biology|law|geology), an? ", row["prompt"])


@pytest.mark.parametrize("split", SPLITS)
def test_descriptions_can_be_told_from_the_text(split: str) -> None:
    """Fails if a summary needs what the text does not say, such as the dates of a life."""
    for row in rows("summarization", split):
        assert 2 <= len(row["reference"].split()) <= 12 and "(" not in row["reference"]
        assert set(re.findall(r"\d+", row["reference"])) <= set(re.findall(r"\d+", row["prompt"]))
        assert len(row["reference"]) < len(row["prompt"])


@pytest.mark.parametrize("split", SPLITS)
def test_sentences_state_the_facts_and_no_others(split: str) -> None:
    """Fails if a field was not checked against the sentence, or the prompt lacks a fact that is asked for."""
    data = rows("data_to_text", split)
    assert set(scores(TASKS["data_to_text"], split, [row["reference"] for row in data], "slot_errors")) == {0.0}
    for row in data:
        fields = {field: value for field, value in row["fields"].items() if value}
        assert row["prompt"] == "; ".join(f"{field}: {value}" for field, value in fields.items())
        assert 2 <= len(fields) <= 5 and coverage(row["prompt"], row["concepts"]) == 1
        assert len(row["concepts"]) == len(set(row["concepts"]))

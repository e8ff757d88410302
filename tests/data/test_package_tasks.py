"""The data sets of translations, chats and recommendations: their rows, their splits, and their answers."""

from __future__ import annotations

import json
import re
from itertools import combinations, product
from typing import Any

import pytest

from recipes.data import dialogue as chats
from recipes.data import translation
from textgym import rewards
from textgym.data import load
from textgym.data.hashing import normalise
from textgym.data.packages import package_file
from textgym.envs import DialogueEnv, RecommendationEnv, TranslationEnv
from textgym.envs.task import Task
from textgym.errors import MissingPackageError
from textgym.rewards.dialogue import act_of

TASKS = {env.task.dataset: env.task for env in (TranslationEnv, DialogueEnv, RecommendationEnv) if env.task}
SPLITS = ("train", "validation", "test")
SIZES = {"translation": (3800, 300, 600), "dialogue": (3168, 235, 452), "recommendation": (3600, 300, 600)}
COLUMNS = {
    "translation": ["prompt", "reference", "source", "pairs"],
    "dialogue": ["prompt", "reference", "intent"],
    "recommendation": ["prompt", "reference", "items", "ratings", "taste", "liked"],
}
every_split = pytest.mark.parametrize(("name", "split"), list(product(TASKS, SPLITS)))
every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def rows(name: str, split: str) -> list[dict[str, Any]]:
    columns = load(name, split).columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def sentences(split: str) -> list[dict[str, Any]]:
    return [row for row in rows("translation", split) if row["source"] == "grammar"]


def words(rows: list[dict[str, Any]], column: str) -> set[str]:
    return {word for row in rows for word in re.findall(r"\w+", row[column].lower())}


def scores(task: Task, completions: list[str], reward: str) -> list[float]:
    columns = {key: list(values) for key, values in load(task.dataset, "test").columns.items()}
    prompts = columns.pop("prompt")
    return rewards.get(reward)(prompts=prompts, completions=completions, **columns)


@every_split
def test_rows_are_clean(name: str, split: str) -> None:
    """Fails if a column is missing, or a text keeps no-break spaces, line breaks or typographic apostrophes."""
    data = rows(name, split)
    assert len(data) == SIZES[name][SPLITS.index(split)]
    for row in data:
        assert list(row) == COLUMNS[name]
        for text in (row["prompt"], row["reference"]):
            assert text == " ".join(text.split()) != "" and "\u2019" not in text


@pytest.mark.parametrize("columns", [("translation", "prompt", "reference"), ("dialogue", "prompt", "reference")])
def test_no_text_occurs_twice_in_any_split(columns: tuple[str, ...]) -> None:
    """Fails if only pairs are compared: one French sentence may translate two English ones."""
    name, *keys = columns
    texts = [frozenset(normalise(row[key]) for key in keys) for split in SPLITS for row in rows(name, split)]
    assert len(set().union(*texts)) == sum(map(len, texts))


@every_task
def test_no_prompt_occurs_twice(task: Task) -> None:
    prompts = [normalise(row["prompt"]) for split in SPLITS for row in rows(task.dataset, split)]
    assert len(set(prompts)) == len(prompts)


@every_task
def test_references_score_the_maximum_and_others_less(task: Task) -> None:
    """Fails if an answer depends on what the reward does not see, or the reward is the same for any text."""
    references = list(load(task.dataset, "test").columns["reference"])
    others = references[1:] + references[:1]
    gold, wrong = (scores(task, texts, task.reward_funcs) for texts in (references, others))
    assert gold == pytest.approx([1.0] * len(references))
    assert sum(value > 0.999 for value in wrong) < 0.02 * len(wrong) and sum(wrong) < 0.5 * len(wrong)


@every_task
def test_the_gold_judge_prefers_the_references(task: Task) -> None:
    """METEOR gives a perfect text of n words 1 - 0.5 / n³, which of three words is 0.98."""
    references = list(load(task.dataset, "test").columns["reference"])
    gold = scores(task, references, task.gold)
    assert min(gold) > 0.98 and max(gold) <= 1.0
    assert sum(scores(task, references[1:] + references[:1], task.gold)) < 0.1 * len(references)


# Translation


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_sentences_bring_new_words_together(split: str) -> None:
    """Fails if sentences are split, not pairs of words: the model has then seen all of it but the determiner."""
    trained_on = {pair for row in sentences("train") for pair in row["pairs"]}
    for row in sentences(split):
        assert {translation.split_of(pair) for pair in row["pairs"]} <= {"train", split}
        assert set(row["pairs"]) - trained_on


@pytest.mark.parametrize("column", ["prompt", "reference"])
def test_every_word_of_held_out_sentences_is_trained_on(column: str) -> None:
    """Fails if a verb form occurs in the test split alone: nobody could know it."""
    assert words(sentences("validation") + sentences("test"), column) <= words(rows("translation", "train"), column)


@pytest.mark.parametrize("split", SPLITS)
def test_people_translated_every_fifth_row(split: str) -> None:
    data = rows("translation", split)
    human = [row for row in data if row["source"] != "grammar"]
    assert 0.18 < len(human) / len(data) < 0.2
    assert {row["source"] for row in human} == set(translation.PACKAGES)
    assert not any(re.search(r"[%{}<>]", row["prompt"] + row["reference"]) for row in human)


# Dialogue


@pytest.mark.parametrize("split", SPLITS)
def test_the_intent_is_the_act_of_the_reply(split: str) -> None:
    """Fails if the rules were changed, and the data not made again."""
    assert all(row["intent"] == act_of(row["reference"]) for row in rows("dialogue", split))


@pytest.mark.parametrize("split", SPLITS)
def test_chats_tell_nothing_about_who_speaks(split: str) -> None:
    """Fails if a filter is left out: of the raw turns many have names, and some numbers and addresses."""
    texts = [row[column] for row in rows("dialogue", split) for column in ("prompt", "reference")]
    private = re.compile(
        r"[0-9@#/\\_]|www|\.com|\b(?:my name|call me|i live|i work|years old|phone|e-?mail|snapchat|instagram)\b", re.I
    )
    assert [text for text in texts if private.search(text)] == []
    # the usual first sign of a name: a capital inside a sentence
    inside = {word.lower() for text in texts for word in re.findall(r"(?<=[a-z,] )[A-Z][A-Za-z']*", text)}
    assert inside <= chats.NO_NAMES
    assert not any(rewards.get("toxicity")(completions=texts))


def test_chats_are_split_as_a_whole() -> None:
    """Fails if turns are split: a test prompt's chat would have been read, and word vectors made of it."""
    try:
        path = package_file(chats.CHATS, "chitchat_dataset/dataset.json")
    except MissingPackageError as error:
        pytest.skip(str(error))
    said: dict[str, set[str]] = {}
    for name, chat in json.loads(path.read_text(encoding="utf-8")).items():
        texts = {normalise(message["text"]) for turn in chat["messages"] for message in turn}
        said.setdefault(chats.split_of(name), set()).update(texts)
    for split in SPLITS:
        for row in rows("dialogue", split):
            assert {normalise(row["prompt"]), normalise(row["reference"])} <= said[split]


# Recommendation


@pytest.mark.parametrize("split", SPLITS)
def test_references_are_the_best_films_that_fit(split: str) -> None:
    """Fails if a film that the person knows is recommended, or the ratings belong to other films."""
    for row in rows("recommendation", split):
        listed = row["reference"].split("; ")
        assert listed == row["items"][:5] and len(listed) >= 3
        assert row["ratings"] == sorted(row["ratings"], reverse=True) and len(row["ratings"]) == len(row["items"])
        assert not set(row["liked"]) & set(row["items"])
        assert all(film in row["prompt"] for film in row["liked"])


@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_taste(first: str, second: str) -> None:
    """Fails if prompts, not tastes, are split: the same list would be the answer to both."""
    tastes = [{frozenset(row["taste"]) for row in rows("recommendation", split)} for split in (first, second)]
    assert not tastes[0] & tastes[1]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_films_and_single_properties_are_trained_on(split: str) -> None:
    """Fails if a film is held out too, which nothing in the train split could tell the taste of."""
    train = rows("recommendation", "train")
    named = {film for row in train for film in row["reference"].split("; ")}
    properties = {value for row in train for value in row["taste"]}
    for row in rows("recommendation", split):
        assert set(row["items"]) <= named and set(row["taste"]) <= properties and len(row["taste"]) == 2

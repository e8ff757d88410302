"""The data sets ``qa``, ``ner`` and ``relation_extraction``: their rows, their splits, and what answers score."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
from typing import Any

import pytest

from recipes import corpora
from recipes.data import _facts, _names
from recipes.data._leads import sentences
from textgym import metrics, rewards
from textgym.data import load
from textgym.data.hashing import normalise
from textgym.envs import NEREnv, QAEnv, RelationExtractionEnv
from textgym.envs.task import Task
from textgym.errors import MissingPackageError

TASKS = {env.task.dataset: env.task for env in (QAEnv, NEREnv, RelationExtractionEnv) if env.task}
SPLITS = ("train", "validation", "test")
SIZES = {"qa": (3600, 246, 506), "ner": (3600, 300, 591), "relation_extraction": (2465, 155, 303)}
COLUMNS = {
    "qa": ["prompt", "reference", "kind", "title"],
    "ner": ["prompt", "reference", "types", "title", "source"],
    "relation_extraction": ["prompt", "reference", "relations", "title"],
}
SETS = [*TASKS, *(f"{name}_synthetic" for name in TASKS)]
every_task = pytest.mark.parametrize("name", TASKS)
every_set = pytest.mark.parametrize(("name", "split"), list(product(SETS, SPLITS)))


def rows(name: str, split: str) -> list[dict[str, Any]]:
    columns = load(name, split).columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def task_of(name: str) -> Task:
    return TASKS[name.removesuffix("_synthetic")]


def answers(row: dict[str, Any]) -> list[str]:
    return row["reference"] if isinstance(row["reference"], list) else [row["reference"]]


def passage(row: dict[str, Any]) -> str:
    return row["prompt"].partition("\nQ: ")[0]


@pytest.fixture(scope="module")
def articles() -> dict[str, corpora.Article]:
    try:
        return {article.title: article for article in corpora.articles()}
    except MissingPackageError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "split"), list(product(TASKS, SPLITS)))
def test_rows_have_their_columns_and_whole_sentences(name: str, split: str) -> None:
    data = rows(name, split)
    assert len(data) == SIZES[name][SPLITS.index(split)]
    for row in data:
        assert list(row) == COLUMNS[name]
        assert passage(row)[-1] in '.!?"”’)' and passage(row) == " ".join(passage(row).split())
        assert all(text == text.strip() != "" for text in answers(row))


@every_task
def test_splits_share_no_article_and_no_sentence(name: str, articles: dict[str, corpora.Article]) -> None:
    """Fails if rows were split at random: then an article's other sentences give the answer away."""
    data = {split: rows(name, split) for split in SPLITS}
    for split in SPLITS:
        assert {articles[row["title"]].split for row in data[split]} == {split}
    for first, second in combinations(SPLITS, 2):
        said = [
            {normalise(part) for row in data[split] for part in sentences(passage(row))} for split in (first, second)
        ]
        assert not said[0] & said[1]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_held_out_sentence_is_in_the_train_split_of_another_task(split: str) -> None:
    """Fails if each data set splits articles in its own way, so that one's test is what another trains on."""
    trained_on = {normalise(part) for name in TASKS for row in rows(name, "train") for part in sentences(passage(row))}
    assert not trained_on & {
        normalise(part) for name in TASKS for row in rows(name, split) for part in sentences(passage(row))
    }


@every_set
def test_no_prompt_occurs_twice(name: str, split: str) -> None:
    prompts = Counter(row["prompt"] for row in rows(name, split))
    assert max(prompts.values()) == 1


@every_set
def test_answers_are_spans_of_the_passage_in_its_order(name: str, split: str) -> None:
    """Fails if a label names what the sentence does not, or names it in another order."""
    for row in rows(name, split):
        text = passage(row)
        if name.startswith("qa"):
            assert all(answer in text and len(answer.split()) <= 6 for answer in answers(row))
        elif name.startswith("ner"):
            entities = (
                [] if row["reference"] == "none" else [item.split(": ", 1) for item in row["reference"].split("; ")]
            )
            assert [kind for kind, _ in entities] == row["types"] and set(row["types"]) <= {"PER", "LOC", "ORG"}
            start = 0
            for _, words in entities:
                start = text.index(words, start) + len(words)
        else:
            triples = [item.split(" | ") for item in row["reference"].split("; ")]
            assert [relation for _, relation, _ in triples] == row["relations"] and 1 <= len(triples) <= 3
            assert all(subject in text and value in text for subject, _, value in triples)


@every_set
def test_gold_answers_score_1_and_those_of_another_row_less(name: str, split: str) -> None:
    """Fails if a reference does not parse, or if one answer fits all."""
    task, data = task_of(name), rows(name, split)
    columns = {key: [row[key] for row in data] for key in data[0] if key != "prompt"}
    gold = [answers(row)[-1] for row in data]  # the last acceptable one is as good as the first
    for reward in (task.reward_funcs, task.gold):
        score = rewards.get(reward)
        assert set(score(completions=[f" {text}\n" for text in gold], **columns)) == {1.0}
        assert sum(value or 0 for value in score(completions=gold[1:] + gold[:1], **columns)) < len(data) / 5
    for metric in task.metrics:
        assert min(metrics.CORPUS[metric](gold, columns).values()) == 1.0


@every_set
def test_no_constant_answer_and_no_constant_place_is_worth_much(name: str, split: str) -> None:
    """Fails if the majority's answer, or always the passage's first or last words, would be a policy."""
    task, data = task_of(name), rows(name, split)
    columns = {key: [row[key] for row in data] for key in data[0] if key != "prompt"}
    constant = Counter(answers(row)[0] for row in data).most_common(1)[0][0]
    lazy = [
        [constant] * len(data),
        [" ".join(passage(row).split()[:3]) for row in data],
        [" ".join(passage(row).split()[-3:]) for row in data],
    ]
    for completions in lazy:
        assert (
            sum(value or 0 for value in rewards.get(task.reward_funcs)(completions=completions, **columns))
            < len(data) / 4
        )


@pytest.mark.parametrize("split", SPLITS)
def test_questions_are_of_many_kinds_and_several_per_passage(split: str) -> None:
    """Fails if the question could be ignored: a passage's questions must have different answers."""
    data = rows("qa", split)
    assert len({row["kind"] for row in data}) >= 8
    assert max(Counter(row["kind"] for row in data).values()) < 0.25 * len(data)
    by_article: dict[str, list[dict[str, Any]]] = {}
    for row in data:
        assert row["prompt"].count("\nQ: ") == 1 and row["prompt"].endswith("?")
        by_article.setdefault(row["title"], []).append(row)
    several = [group for group in by_article.values() if len(group) > 1]
    assert len(several) > len(by_article) / 5
    assert sum(len({answers(row)[0] for row in group}) > 1 for group in several) > 0.95 * len(several)


@pytest.mark.parametrize("split", SPLITS)
def test_a_fifth_of_the_sentences_names_nobody_and_every_type_occurs(split: str) -> None:
    """Fails if `none` is always right or never, or if a type is too rare to be measured."""
    data = rows("ner", split)
    assert 0.15 < sum(row["reference"] == "none" for row in data) / len(data) < 0.25
    counts = Counter(kind for row in data for kind in row["types"])
    assert min(counts[kind] for kind in ("PER", "LOC", "ORG")) >= 20
    without = [row["prompt"] for row in data if row["reference"] == "none"]
    assert sum(any(word[0].isupper() for word in text.split()[1:]) for text in without) > len(without) / 4


@pytest.mark.parametrize("split", SPLITS)
def test_at_least_eight_relations_and_not_mostly_one(split: str) -> None:
    data = rows("relation_extraction", split)
    relations = Counter(relation for row in data for relation in row["relations"])
    assert len([relation for relation, n in relations.items() if n >= 3]) >= 8
    assert sum(row["relations"] == ["is a"] for row in data) <= len(data) / 2


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("He met the English author Ada Quill in Paris, France.", ["PER: Ada Quill", "LOC: Paris", "LOC: France"]),
        ("The University of Oxford left the European Union and NATO.",
         ["ORG: University of Oxford", "ORG: European Union", "ORG: NATO"]),
        ("The King of Spain sailed to Lake Geneva in May.", ["LOC: Spain", "LOC: Lake Geneva"]),
        ("The Battle of Waterloo ended the Napoleonic Wars.", []),
        ("In the United Kingdom, French and Latin were spoken.", ["LOC: United Kingdom"]),
        ("Albert Einstein's theory came to Germany.", ["PER: Albert Einstein", "LOC: Germany"]),
        ("The Quibble of Frobnitz was seen in Germany.", None),
        ("The Paris Zorble plays in Germany.", None),
        ("The Albert Einstein telescope is in Germany.", None),
        ('He painted "Spring" in Germany.', None),
    ],
)  # fmt: skip
def test_a_sentence_with_a_name_in_doubt_is_not_labelled(
    sentence: str, expected: list[str] | None, articles: dict[str, corpora.Article]
) -> None:
    """Fails if a part of an unknown name is taken for a name, or a known name is missed."""
    found = _names.mentions(sentence, {})
    named = None if found is None else [f"{m.kind}: {sentence[m.start : m.end]}" for m in found if m.kind]
    assert named == expected


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Leeds", "Leeds is a city in West Yorkshire, England.",
         ["Leeds | is a | city", "Leeds | located in | West Yorkshire", "West Yorkshire | located in | England"]),
        ("Marie Curie", "Marie Curie was a Polish and French physicist and chemist who worked in Paris.",
         ["Marie Curie | nationality | Polish", "Marie Curie | nationality | French",
          "Marie Curie | occupation | physicist", "Marie Curie | occupation | chemist"]),
        ("Optics", "Optics is the branch of physics that studies light.", ["Optics | branch of | physics"]),
        ("Iron", "Iron is a chemical element; it has symbol Fe and atomic number 26.",
         ["Iron | is a | chemical element", "Iron | symbol | Fe", "Iron | atomic number | 26"]),
        ("Vienna", "Vienna, officially the City of Vienna, is the capital and largest city of Austria.",
         ["Vienna | also known as | City of Vienna", "Vienna | capital of | Austria"]),
        ("Cell (biology)", "A cell is a procedure performed daily.", ["cell | is a | procedure"]),
        ("Optics", "Optics is a field and an art.", ["Optics | is a | field"]),
        ("Optics", "It was made by A. A. Milne.", []),
    ],
)  # fmt: skip
def test_facts_of_sentences(title: str, text: str, expected: list[str], articles: dict[str, corpora.Article]) -> None:
    """Fails if a span ends too early or too late, or a sentence's second fact is overlooked."""
    article = articles[title]
    read = _facts.statements(corpora.Article(title, text, article.description, article.topic, "train"))
    assert [f"{fact.subject} | {fact.relation} | {fact.object}" for said in read for fact in said.facts] == expected


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("Optics is the branch of physics that studies light.", True),
        ("Optics is the branch of physics that was founded by Newton.", False),
        ("Optics is the branch of physics that is also called opticks.", False),
    ],
)
def test_a_sentence_with_an_unread_statement_is_not_complete(
    text: str, complete: bool, articles: dict[str, corpora.Article]
) -> None:
    """Fails if a row's reference would lack a triple that the sentence states."""
    article = articles["Optics"]
    (read,) = _facts.statements(corpora.Article("Optics", text, article.description, article.topic, "train"))
    assert read.complete == complete

"""The made-up sentences of the data sets that `textgym.data.synthetic` makes."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from textgym.checks.validation import check_task
from textgym.data import load, synthetic
from textgym.errors import UnknownNameError

SPLITS = ("train", "validation", "test")
SETS = {"qa_synthetic": synthetic.qa, "ner_synthetic": synthetic.ner}
SETS["relation_extraction_synthetic"] = synthetic.relation_extraction
SETS["finance_sentiment"] = synthetic.finance_sentiment
every_set = pytest.mark.parametrize("name", SETS)


def entities(name: str, row: dict[str, Any]) -> set[str]:
    """The names in a row's reference."""
    if name.startswith("qa"):
        return {row["reference"]}
    if name.startswith("ner"):
        return {item.split(": ")[1] for item in row["reference"].split("; ") if item != "none"}
    return {part for item in row["reference"].split("; ") for part in item.split(" | ")[::2]}


@pytest.mark.parametrize("name", [name for name in SETS if name.endswith("_synthetic")])
@pytest.mark.parametrize(("first", "second"), list(combinations(SPLITS, 2)))
def test_splits_share_no_entity_and_no_word_of_one(name: str, first: str, second: str) -> None:
    """Fails if only whole names are held out: then the parts are known, and the model need not read."""
    words = [
        {w for row in SETS[name](s) for full in entities(name, row) for w in full.split()} for s in (first, second)
    ]
    assert words[0] and words[1] and not words[0] & words[1]


@every_set
@pytest.mark.parametrize("split", SPLITS)
def test_no_name_of_another_split_occurs_in_a_prompt(name: str, split: str) -> None:
    """Fails if a sentence takes a name, be it no answer, from another split's list."""
    lists = (synthetic.FIRST_NAMES, synthetic.LAST_NAMES, synthetic.PLACES, synthetic.FIRMS)
    others = {word for names in lists for other in SPLITS if other != split for word in names[other].split()}
    prompts = {word.strip(".,?") for row in SETS[name](split) for word in row["prompt"].split()}
    assert not prompts & (others - set(synthetic.MONTHS.split()))


@every_set
def test_sizes_and_determinism(name: str) -> None:
    for split, size in synthetic.SIZES.items():
        rows = SETS[name](split)
        assert len({row["prompt"] for row in rows}) == len(rows) == size
        assert rows == SETS[name](split)
        assert load(name, split).columns["prompt"] == tuple(row["prompt"] for row in rows)


def test_names_of_people_are_not_names_of_places_or_firms() -> None:
    """Fails if a word's type could not be told: every word of a name belongs to one list."""
    lists = (synthetic.FIRST_NAMES, synthetic.LAST_NAMES, synthetic.PLACES, synthetic.FIRMS, synthetic.FIRM_ENDINGS)
    words = [word for names in lists for split in SPLITS for word in names[split].split()]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("split", SPLITS)
def test_every_form_and_every_type_occurs(split: str) -> None:
    """Fails if a form is never drawn, or a split's names are all of one type."""
    kinds = {row["kind"] for row in synthetic.qa(split)}
    types = {kind for row in synthetic.ner(split) for kind in row["types"]}
    assert kinds == types == {"PER", "LOC", "ORG"}
    assert any(row["reference"] == "none" for row in synthetic.ner(split))
    stated = {relation for form in synthetic.FORMS for _, relation, _ in form.triples}
    assert {relation for row in synthetic.relation_extraction(split) for relation in row["relations"]} == stated


@pytest.mark.parametrize("split", SPLITS)
def test_financial_news_has_to_be_read(split: str) -> None:
    """Fails if one answer, or the words without the numbers, were worth much: a constant answer is right in a third."""
    rows = synthetic.finance_sentiment(split)
    counts = Counter(row["reference"] for row in rows)
    assert set(counts) == set(synthetic.NEWS) and max(counts.values()) < 0.4 * len(rows)
    earned = [row for row in rows if "against EUR" in row["prompt"]]
    now, before = zip(*(map(int, re.findall(r"EUR (\d+)", row["prompt"])) for row in earned), strict=True)
    expected = ["positive" if a > b else "negative" for a, b in zip(now, before, strict=True)]
    assert [row["reference"] for row in earned] == expected and {*expected} == {"positive", "negative"}


def test_financial_news_is_a_variant_of_classification() -> None:
    options = {"dataset": "finance_sentiment", "prompt_template": "{prompt}\nSentiment:"}
    for report in check_task("TextGen-Classification-v0", env_kwargs=options):
        assert report.findings == [] and report.at_maximum["the reference"] == 1.0


def test_unknown_split() -> None:
    with pytest.raises(UnknownNameError, match="dev"):
        load("qa_synthetic", "dev")

"""The data set ``relation_extraction``.

Each row is a sentence of the lead of a Wikipedia article and the one to three facts that it states. They are silver
labels, made by the rules of `recipes.data._facts`; sentences in which a statement may have been overlooked are
left out.
"""

from __future__ import annotations

from typing import Any

from recipes.corpora import articles
from recipes.data._articles import is_whole
from recipes.data._facts import Statement, statements
from recipes.data._leads import choose
from textgym.models import load_tokenizer

SIZES = {"train": 3000, "validation": 300, "test": 600}
MAX_PROMPT_TOKENS = 90
MAX_FACTS = 3
MAX_REFERENCE_TOKENS = 55  # and EOS
LARGEST_SHARE = 0.5  # of sentences that say only what something is


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split, in a random order; no sentence occurs twice."""
    encode = load_tokenizer("textgym-tiny").encode
    splits: dict[str, list[dict[str, Any]]] = {}
    for split, size in SIZES.items():
        rows = [
            row(statement, article.title)
            for article in articles()
            if article.split == split
            for statement in statements(article)
            if statement.complete and len(statement.facts) <= MAX_FACTS and is_whole(statement.sentence)
        ]
        rows = [
            row
            for row in rows
            if len(encode(row["prompt"])) <= MAX_PROMPT_TOKENS
            and len(encode(" " + row["reference"])) <= MAX_REFERENCE_TOKENS
        ]
        plain = [row for row in rows if row["relations"] == ["is a"]]
        others = choose([row for row in rows if row["relations"] != ["is a"]], size)
        n_plain = min(size - len(others), int(len(others) * LARGEST_SHARE / (1 - LARGEST_SHARE)))
        splits[split] = choose(others + choose(plain, n_plain), size)
    return splits


def row(statement: Statement, title: str) -> dict[str, Any]:
    """A row: the sentence, its facts as text, and which relations they are."""
    facts = [f"{fact.subject} | {fact.relation} | {fact.object}" for fact in statement.facts]
    relations = [fact.relation for fact in statement.facts]
    return {"prompt": statement.sentence, "reference": "; ".join(facts), "relations": relations, "title": title}

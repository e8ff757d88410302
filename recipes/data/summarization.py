"""The data set ``summarization``: leads of Wikipedia articles, with the articles' short descriptions."""

from __future__ import annotations

import re
from itertools import accumulate, takewhile

from recipes.data._articles import Row, lead, ordered, without_brackets
from textgym import metrics
from textgym.models import load_tokenizer

SIZES = {"train": 4000, "validation": 300, "test": 600}
MAX_TOKENS = 92  # of a text
WORDS = range(2, 13)  # of a description
FUNCTION_WORDS = frozenset("a an and as at by for from in is its of on or that the to which who with".split())  # noqa: SIM905


def build() -> dict[str, list[Row]]:
    """The rows of each split."""
    tokenizer = load_tokenizer("textgym-tiny")
    splits: dict[str, list[Row]] = {split: [] for split in SIZES}
    for article in ordered():
        if len(splits[article.split]) == SIZES[article.split]:
            continue
        beginnings = accumulate(lead(article), "{} {}".format)  # of one sentence, of two, ...
        fitting = [*takewhile(lambda text: len(tokenizer.encode(text)) <= MAX_TOKENS, beginnings)]
        description = without_brackets(article.description)
        if fitting and supported(description, fitting[-1]):
            row = {"prompt": fitting[-1], "reference": description, "title": article.title}
            splits[article.split].append(row)
    return splits


def supported(description: str, text: str) -> bool:
    """Whether a description is a few words of which the text has at least half, and all the numbers."""
    words = [word for word in re.findall(r"\w+", description) if word.lower() not in FUNCTION_WORDS]
    numbers = re.findall(r"\d+", description)
    return (
        len(description.split()) in WORDS
        and metrics.coverage(text, words, endings=True) >= 0.5
        and set(numbers) <= set(re.findall(r"\d+", text))
    )

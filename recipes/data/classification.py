"""The data set ``classification``: first sentences of Wikipedia's vital articles, with their topics."""

from __future__ import annotations

import re
from collections import Counter

from recipes.data._articles import Row, lead, ordered
from textgym import metrics
from textgym.models import load_tokenizer

# as Wikipedia's list of vital articles has them, and as they are written here
TOPICS = {
    "Arts": "arts",
    "Biology and health sciences": "life science",
    "Everyday life": "everyday life",
    "Geography": "geography",
    "History": "history",
    "Mathematics": "mathematics",
    "People": "people",
    "Philosophy and religion": "philosophy and religion",
    "Physical sciences": "physical science",
    "Society and social sciences": "society",
    "Technology": "technology",
}
LARGEST = {"train": 400, "validation": 32, "test": 65}  # rows of a topic: some have fewer, most as many
MAX_TOKENS = 96
FIELD = re.compile(r"^In (?:the )?[a-z][^A-Z.;:(]*?, (?=(?:an?|the) |[a-z]+ (?:is|are) )")  # "In physics, a lever ..."


def build() -> dict[str, list[Row]]:
    """The rows of each split: of each topic the first, up to ``LARGEST``."""
    tokenizer = load_tokenizer("textgym-tiny")
    splits: dict[str, list[Row]] = {split: [] for split in LARGEST}
    seen: Counter[tuple[str, str]] = Counter()
    for article in ordered():
        sentence = "".join(lead(article)[:1])
        topic = TOPICS.get(article.topic)
        if not topic or not sentence or seen[article.split, topic] == LARGEST[article.split]:
            continue
        prompt = without_field(sentence)
        if names(prompt, topic) or len(tokenizer.encode(prompt)) > MAX_TOKENS:
            continue
        seen[article.split, topic] += 1
        splits[article.split].append({"prompt": prompt, "reference": topic, "title": article.title})
    return splits


def without_field(sentence: str) -> str:
    """A sentence without an introduction that tells its subject's field.

    >>> without_field("In mathematics, a group is a set.")
    'A group is a set.'
    """
    rest = FIELD.sub("", sentence)
    return rest[0].upper() + rest[1:]


def names(text: str, topic: str) -> bool:
    """Whether a text has a word of the topic's name."""
    return metrics.coverage(text, [word for word in topic.split() if word != "and"], endings=True) > 0

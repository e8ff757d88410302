"""The data set ``data_to_text``: facts about the subject of a Wikipedia article, and the sentence that states them.

The sentence is the first of the article's lead. The facts are the title, the short description if the sentence says
all of it, and what else the sentence says: its names, its numbers and dates, and its other words.
"""

from __future__ import annotations

import re
from itertools import chain

from recipes.data._articles import Row, lead, ordered, without_brackets
from textgym import metrics
from textgym.models import load_tokenizer

SIZES = {"train": 4000, "validation": 300, "test": 600}  # there are not that many
MAX_TOKENS = 39  # of a sentence: with EOS, what the environment lets the agent write
FACTS = ("names", "numbers", "keywords")  # besides name and description
MAX_FACTS = 8
# words that state no fact of their own
FUNCTION_WORDS = frozenset(
    """a about after all along also although an and another any are as at be because been before being between both but
    by called can commonly considered could did do does during each either especially etc for formerly from generally
    given had has have having he her his if in including into is it its itself just known like made many mainly may more
    most mostly near nor not of officially often on one only or other others our over own part per primarily refers s
    same several she similar simply since so some sometimes such than that the their them themselves there these they
    this those through throughout thus to together toward typically under up upon used usually various very was well
    were what when where whether which while who whom whose with within without would""".split()  # noqa: SIM905
)
WORD = re.compile(r"\w+(?:[.,'’/–-]\w+)*")
OF_A_DATE = re.compile(
    r"\d|(?:January|February|March|April|May|June|July|August|September|October|November|December|BCE?|AD|CE)$"
    r"|(?i:centur(?:y|ies)$)"
)
JOINTS = (" ", " of ", " of the ")  # within a name or a date


def build() -> dict[str, list[Row]]:
    """The rows of each split."""
    tokenizer = load_tokenizer("textgym-tiny")
    splits: dict[str, list[Row]] = {split: [] for split in SIZES}
    for article in ordered():
        sentence = "".join(lead(article)[:1])
        if not sentence or len(tokenizer.encode(" " + sentence)) > MAX_TOKENS:
            continue
        name, description = without_brackets(article.title), without_brackets(article.description)
        if not description or metrics.coverage(sentence, content(description), endings=True) < 1:
            description = ""
        rest = remaining(sentence, f"{name} {description}")
        fields = {"name": [name], "description": [description] if description else [], **rest}
        row = {
            "prompt": "; ".join(f"{field}: {', '.join(values)}" for field, values in fields.items() if values),
            "reference": sentence,
            "fields": {field: ", ".join(values) for field, values in fields.items() if values},
            "concepts": [*dict.fromkeys([name, *content(description), *chain(*rest.values())])],
            "title": article.title,
        }
        if is_supported(row) and len(splits[article.split]) < SIZES[article.split]:
            splits[article.split].append(row)
    return splits


def is_supported(row: Row) -> bool:
    """Whether a sentence says what the fields say and no more, and there is something to say, but not too much."""
    return (
        len(row["fields"]) > 1
        and sum(len(value.split(", ")) for field, value in row["fields"].items() if field in FACTS) <= MAX_FACTS
        and metrics.slot_errors(row["reference"], row["concepts"]) == 0
    )


def remaining(sentence: str, stated: str) -> dict[str, list[str]]:
    """The names, numbers and other words of a sentence that are not stated yet, each in its order."""
    found: dict[str, list[str]] = {field: [] for field in FACTS}
    last, end = "", 0
    for match in WORD.finditer(sentence):
        word = match[0]
        if is_stated(word, stated):
            continue
        field = "numbers" if OF_A_DATE.match(word) else "names" if word[0].isupper() else "keywords"
        between = sentence[end : match.start()]
        if field == last != "keywords" and between in JOINTS:
            found[field][-1] += between + word
        else:
            found[field].append(word)
        stated += " " + word
        last, end = field, match.end()
    return {field: [re.sub("['’]s$", "", value) for value in values] for field, values in found.items()}


def content(text: str) -> list[str]:
    """The words of a text that state something."""
    return [word for word in WORD.findall(text) if word.lower() not in FUNCTION_WORDS]


def is_stated(word: str, stated: str) -> bool:
    """Whether a word says nothing, or stands among those stated, be it in another form."""
    return (
        word.lower() in FUNCTION_WORDS
        or metrics.coverage(stated, [word], endings=True) == 1
        or any(metrics.occurrences(word, content(stated), endings=True))
    )

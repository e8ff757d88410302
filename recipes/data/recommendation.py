"""The data set ``recommendation``: films that fit a described taste, out of a catalogue of some hundred.

Films and their facts are Wikidata's, as the package bokeh-sampledata carries them. A taste is one or two properties of
a film; which split a pair of properties is in depends on it alone, so that no taste of the test split is trained on,
though every film is.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from textgym.data.hashing import fraction
from textgym.data.packages import package_file
from textgym.models import load_tokenizer

FILMS = "bokeh-sampledata==2026.1"
SIZES = {"test": 600, "validation": 300, "train": 3600}
SHARES = {"test": 0.2, "validation": 0.1}  # of the pairs of properties
LISTED = 5  # films in a reference, or as many as there are
MIN_BOX_OFFICE = 80e6  # dollars: films that many people know
MAX_TITLE_WORDS, MAX_TITLE_TOKENS = 3, 5
FITTING = range(4, 41)  # films that fit a pair of properties
MAX_FITTING_ALONE = 110  # films that fit a single property
MIN_FILMS = {"genre": 10, "decade": 10, "director": 4, "actor": 7}  # fewer, and the property is left out
PAIRS = {  # the kinds of property that are asked for together, in the order in which a sentence names them
    ("genre", "genre"), ("genre", "director"), ("genre", "actor"), ("genre", "decade"), ("genre", "oscar"),
    ("director", "decade"), ("actor", "decade"), ("decade", "oscar"),
}  # fmt: skip
GENRES = {  # Wikidata's name as the package has it: one such film is ..., and what it is about
    "Action": ("action films", "action"), "Adventure": ("adventure films", "adventure"),
    "Animation": ("animated films", "animation"), "Biography": ("films about real people", "real people"),
    "Comedy": ("comedies", "comedy"), "Crime": ("crime films", "crime"), "Drama": ("dramas", "drama"),
    "Family": ("family films", "family"), "Fantasy": ("fantasy films", "fantasy"),
    "History": ("historical films", "history"), "Horror": ("horror films", "horror"),
    "Musical": ("musicals", "music"), "Mystery": ("mysteries", "mystery"), "Romance": ("romances", "romance"),
    "Sci-Fi": ("science fiction films", "science fiction"), "Sport": ("sports films", "sport"),
    "Thriller": ("thrillers", "suspense"), "War": ("war films", "war"),
}  # fmt: skip
PHRASES = {"director": "by {}", "actor": "with {}", "decade": "from the {}", "oscar": "that won an Oscar"}
OPEN_REQUESTS = ("I like {films}.", "Can you recommend {films}?", "I am looking for {films}.", "I want to see {films}.")
REQUESTS = (  # with films that the person has liked
    "I like {films} such as {liked}.", "I enjoyed {liked} and want more {films}.",
    "Can you recommend {films} like {liked}?", "I am looking for {films} like {liked}.",
)  # fmt: skip

Property = tuple[str, str]  # kind and value


@dataclass(frozen=True)
class Film:
    """A film of the catalogue.

    Attributes:
        title: Its English title; no two films of the catalogue share one.
        rating: What critics think of it: Metacritic's score, 0 to 100.
        properties: What it can be asked for by.
    """

    title: str
    rating: int
    properties: frozenset[Property]


def catalogue() -> list[Film]:
    """Well-known films in English with short titles, best rated first."""
    tokenizer = load_tokenizer("textgym-tiny")
    path = package_file(FILMS, "bokeh_sampledata/_data/movies.db")
    query = """SELECT Title, Year, Genre, Director, "Cast", omdb.Oscars, Metacritic FROM omdb JOIN tomatoes USING (ID)
        WHERE Metacritic > 0 AND Genre != '' AND BoxOffice >= ? AND Language LIKE '%English%' AND Title NOT LIKE '%;%'
        ORDER BY Metacritic DESC, BoxOffice DESC, ID"""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        found: dict[str, tuple[str, int, list[Property]]] = {}  # of films with the same title, the better one
        for title, *facts, rating in database.execute(query, (MIN_BOX_OFFICE,)):
            if len(title.split()) <= MAX_TITLE_WORDS and len(tokenizer.encode(f" {title}")) <= MAX_TITLE_TOKENS:
                found.setdefault(title.lower(), (title, rating, list(_properties(*facts))))
    films = Counter(item for _, _, properties in found.values() for item in properties)
    return [
        Film(title, rating, frozenset(item for item in properties if films[item] >= MIN_FILMS.get(item[0], 0)))
        for title, rating, properties in found.values()
    ]


def _properties(year: int, genres: str, directors: str, actors: str, oscars: int) -> Iterator[Property]:
    yield from (("genre", genre) for genre in genres.split(", ") if genre in GENRES)
    yield "decade", f"{year // 10 * 10}s"
    yield from (("director", name) for name in directors.split(", ") if name)
    yield from (("actor", name) for name in actors.split(", ") if name)
    if oscars:
        yield "oscar", "yes"


def tastes(films: list[Film]) -> dict[tuple[Property, ...], list[Film]]:
    """Every property and pair of properties that enough films fit, and not too many, with these films."""
    order = ("genre", "director", "actor", "decade", "oscar")
    fitting: dict[tuple[Property, ...], list[Film]] = {}
    for film in films:
        properties = sorted(film.properties, key=lambda item: (order.index(item[0]), item[1]))
        pairs = [(a, b) for a, b in combinations(properties, 2) if (a[0], b[0]) in PAIRS]
        for taste in [*((item,) for item in properties), *pairs]:
            fitting.setdefault(taste, []).append(film)
    return {
        taste: found
        for taste, found in sorted(fitting.items())
        if (len(found) in FITTING if len(taste) == 2 else len(found) <= MAX_FITTING_ALONE)
    }


def learnable(films: list[Film]) -> list[Film]:
    """The films that are among the best of a taste that is trained on: the catalogue that references can name."""
    named = {film for taste, found in tastes(films).items() if split_of(taste) == "train" for film in found[:LISTED]}
    return [film for film in films if film in named]


def split_of(taste: tuple[Property, ...]) -> str:
    """The split of a taste, by its properties alone; single properties are always trained on."""
    where = fraction(f"recommendation:{taste}") if len(taste) == 2 else 1.0
    if where < SHARES["test"]:
        return "test"
    return "validation" if where < SHARES["test"] + SHARES["validation"] else "train"


def described(taste: tuple[Property, ...]) -> str:
    """A taste in words.

    >>> described((("genre", "Comedy"), ("decade", "1990s")))
    'comedies from the 1990s'
    """
    genres = [GENRES[value] for kind, value in taste if kind == "genre"]
    films = f"films that mix {genres[0][1]} and {genres[1][1]}" if len(genres) == 2 else "films"
    films = genres[0][0] if len(genres) == 1 else films
    return " ".join([films, *(PHRASES[kind].format(value) for kind, value in taste if kind != "genre")])


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split: every taste about equally often, each time with other films that were liked."""
    splits: dict[str, list[tuple[tuple[Property, ...], list[Film]]]] = {split: [] for split in SIZES}
    for taste, films in tastes(learnable(catalogue())).items():
        splits[split_of(taste)].append((taste, films))
    rows: dict[str, list[dict[str, Any]]] = {}
    for split, size in SIZES.items():
        found: dict[str, dict[str, Any]] = {}
        for turn in range(100):
            for taste, films in splits[split]:
                row = _row(taste, films, turn)
                if len(found) < size:
                    found.setdefault(row["prompt"], row)
        rows[split] = sorted(found.values(), key=lambda row: fraction("order:" + row["prompt"]))
    return rows


def _row(taste: tuple[Property, ...], films: list[Film], turn: int) -> dict[str, Any]:
    """One request: of each taste first without films that were liked, then with one or two."""
    key = f"{taste}:{turn}"
    number = min(int(fraction("number:" + key) * 3) if turn else 0, len(films) - 3)
    liked = sorted(films, key=lambda film: fraction(f"liked:{key}:{film.title}"))[:number]
    fitting = [film for film in films if film not in liked]
    requests = REQUESTS if liked else OPEN_REQUESTS
    request = requests[int(fraction("request:" + key) * len(requests))]
    prompt = request.format(films=described(taste), liked=" and ".join(film.title for film in liked))
    return {
        "prompt": prompt.replace("..", "."),  # after "Jr."
        "reference": "; ".join(film.title for film in fitting[:LISTED]),
        "items": [film.title for film in fitting],
        "ratings": [film.rating for film in fitting],
        "taste": [value if kind != "oscar" else "Oscar" for kind, value in taste],
        "liked": [film.title for film in liked],
    }

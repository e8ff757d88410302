"""Which capitalised words of a sentence name people, places and organisations: silver labels, made by rules.

A sentence is labelled only if every capitalised word in it is accounted for, so that what is labelled is complete: by
the title of a vital article whose description says what it is, by the lists below, by a word that tells what a name
stands for (``Lake``, ``University``), by a given name, or by the profession before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest

from recipes.corpora import Article, articles
from recipes.data import _gazetteer

PERSON, PLACE, ORGANISATION, OTHER = "PER", "LOC", "ORG", ""
Words = tuple[str, ...]

TOKEN = re.compile(r"U\.S\.|D\.C\.|\b(?:St|Mt|Jr|Sr|[A-Z])\.(?= )|['’]s\b|\w+(?:(?!['’]s\b)['’&/–-]\w+)*|[^\w\s]")
PARTICLES = {
    "de", "von", "van", "der", "den", "la", "le", "del", "della", "di", "da", "du", "des", "ibn", "bin", "al", "el",
    "y", "e", "dos", "do",
}  # fmt: skip

# what descriptions of articles say of people, places and organisations
LIFE_YEARS = re.compile(r"\([^()]*\d{3,4}[^()]*[–-][^()]*\)$")
NO_LIFE = re.compile(r"war|depression|period|dynasty|empire|roman|modern|conflict", re.IGNORECASE)
GROUP_NOUN = re.compile(r"\b(?:band|group|duo|brothers|family|partnership)\b", re.IGNORECASE)
IN_DOUBT = re.compile(
    r"\b(?:god|goddess|deity|deities|figure|character|dynasty|angel|prophet|titan|king|hero|spirit|state|house)\b",
    re.IGNORECASE,
)
PLACE_NOUN = re.compile(
    r"\b(?:capital|country|city|city-state|metropolis|megacity|river|province|islands?|region|mountains?|sea|ocean|"
    r"state|peninsula|lake|park|strait|municipality|desert|archipelago|prefecture|department|microstate|gulf|territory|"
    r"plateau|subregion|volcano|stratovolcano|republic|waterfalls?|district|continent|kingdom|nation|town|canal|empire|"
    r"bay|basin|emirate|county|bod(?:y|ies) of (?:salt)?water|plain|canyon|reef|reservoir|canal|lakes|"
    r"administrative division|principality|collectivity|sultanate|caliphate|colony|khanate|trench)\b"
)
NO_PLACE = re.compile(
    r"\b(?:people|language|wars?|conflict|genocide|campaigns?|conquests?|cyclone|study|system|dynasty|period|culture|"
    r"civilization|organi[sz]ation|union|boundary|council|banking|code|flag|breakup|conquest|event|title|"
    r"social|emotional|matter|species|battle|revolution|rebellion|unrest|disaster|pact|league|trade|ethnic)\b"
)
ORGANISATION_NOUN = re.compile(
    r"\b(?:universit(?:y|ies)|company|companies|organi[sz]ation|museum|newspaper|agency|corporation|conglomerate|"
    r"manufacturer|football club|airline|broadcaster|intergovernmental|political party|central bank|institution|"
    r"alliance|rock band|band|orchestra|church|bank|college|institute|retailer|automaker)\b"
)
CAPITALISED = re.compile(r"[A-ZÀ-ÖØ-Þ]|al-[A-Z]")

# what a name's own words say
PLACE_START = {
    "Lake", "Mount", "Mt.", "Cape", "River", "Gulf of", "Bay of", "Strait of", "Isle of", "Isles of", "Port",
    "Kingdom of", "Republic of", "Province of", "Duchy of", "County of", "Sea of", "Lower", "Upper",
}  # fmt: skip
PLACE_END = {
    "River", "Rivers", "Lake", "Lakes", "Sea", "Ocean", "Island", "Islands", "Mountains", "Mountain", "Peninsula",
    "Valley", "Bay", "Strait", "Desert", "Plateau", "Province", "County", "City", "Peak", "Hills", "Basin", "Plain",
    "Plains", "Beach", "Gulf", "Channel", "Highlands", "Coast", "Archipelago", "Territory", "Canal", "Range", "Falls",
    "Glacier", "Delta", "Prefecture", "District", "Empire", "Kingdom", "Region", "Borough", "Steppe",
}  # fmt: skip
ORGANISATION_START = {
    "University of", "Bank of", "Ministry of", "Department of", "Museum of", "Institute of", "Royal Society of",
    "Academy of", "National Academy of", "School of",
}  # fmt: skip
ORGANISATION_END = {
    "University", "Company", "Corporation", "Institute", "Party", "Museum", "College", "Association", "Society",
    "Foundation", "Agency", "Orchestra", "Philharmonic", "Committee", "Commission", "Federation", "Bank", "Club",
    "Group", "Organization", "Records", "Comics", "Studios", "Pictures", "Entertainment", "Airlines", "Motors",
    "Council", "Library", "Observatory", "Academy", "Administration", "Laboratory", "Laboratories", "Press",
}  # fmt: skip
OTHER_START = {
    "Battle of", "Treaty of", "Siege of", "War of", "Order of", "Declaration of", "Peace of", "Council of",
    "Feast of", "Book of", "Gospel of", "Nobel", "Symphony",
}  # fmt: skip
OTHER_END = {
    "War", "Wars", "Prize", "Prizes", "Award", "Awards", "Revolution", "Act", "Treaty", "Games", "Championship",
    "Championships", "Cup", "Rebellion", "Movement", "Age", "Era", "Period", "Medal", "Festival", "Day", "Agreement",
    "Reformation", "Renaissance", "Epoch", "Uprising", "Crusade", "Protocol", "Convention", "Constitution", "Theorem",
    "Language", "Calendar", "Eon", "Ages",
}  # fmt: skip

RELATIVES = {"brother", "father", "mother", "husband", "wife", "son", "daughter", "sister"}
# what may follow a person's name; another word makes the name part of a term, as in `Higgs boson`
AFTER_PERSON = {
    "and", "or", "as", "was", "is", "were", "are", "who", "whom", "whose", "which", "that", "in", "on", "at", "to",
    "from", "with", "by", "for", "of", "after", "before", "during", "between", "but", "while", "into", "had", "has",
    "have", "under", "against", "wrote", "became", "did", "led", "made", "could", "would", "also", "when", "where",
    "until", "not", "he", "through", "over", "upon", "because", "since", "though", "including", "such", "both", "won",
    "began", "took", "came", "went", "gave", "held", "sang", "saw",
}  # fmt: skip
TERM = {
    "dynasty", "period", "era", "family", "brothers", "sisters", "civilization", "culture", "theory", "language",
    "languages", "people", "peoples", "system", "syndrome", "disease", "style", "school", "order",
}  # fmt: skip
PROFESSIONS = {
    "mariner", "humanitarian", "memoirist", "stateswoman", "businesswoman", "professor", "lecturer", "cardinal",
    "emperor", "empress", "composers", "physicists", "mathematicians", "chemists", "astronomers", "philosophers",
    "singer-songwriter", "nobleman", "performer", "magician",
}  # fmt: skip
NO_PROFESSION = {
    "airplane", "figure", "band", "braille", "civil", "civilization", "classical", "colonialism", "deified", "dynasty",
    "engine", "entity", "eponym", "flamenco", "institutions", "island", "mechanical", "middle", "military",
    "movement", "mystery", "namesake", "navy", "origin", "outside", "period", "personality", "philosophy", "physical",
    "pottery", "procedures", "psychoanalysis", "psychology", "rebellion", "religious", "regnant", "revolt", "school",
    "science", "service", "state", "syllabary", "team", "telephone", "theatre", "times", "track", "tradition",
    "tribe", "vaccine", "victim", "disciples", "hero", "heroine",
}  # fmt: skip
NUMERAL = re.compile(r"[IVX]+")


@dataclass(frozen=True)
class Mention:
    """A name in a sentence.

    Attributes:
        start: Its first character.
        end: Behind its last character.
        kind: ``PER``, ``LOC``, ``ORG``, or empty for other names.
    """

    start: int
    end: int
    kind: str


def words(text: str) -> Words:
    """The words and marks of a text."""
    return tuple(TOKEN.findall(text))


def listed(names: str) -> list[str]:
    """The entries of a list that is written with semicolons."""
    return [" ".join(name.split()) for name in names.split(";")]


def title_of(article: Article) -> str:
    """The title without the parenthesis that tells it from others."""
    return article.title.partition(" (")[0]


def kind_of(article: Article) -> str | None:
    """What an article's title names; None where its description leaves doubt."""
    description = article.description
    if article.topic == "People":
        return None if GROUP_NOUN.search(description) or "(" in article.title else PERSON
    if article.topic == "Uncategorized" and LIFE_YEARS.search(description):
        return None if NO_LIFE.search(description) else PERSON
    if PLACE_NOUN.search(description.lower()) and not NO_PLACE.search(description.lower()):
        return PLACE if article.topic in ("Geography", "History", "Uncategorized") else None
    if "(" in article.title or article.topic in ("Geography", "Physical sciences"):
        return None
    if ORGANISATION_NOUN.search(description) and article.topic in ("Society and social sciences", "Uncategorized"):
        return ORGANISATION if " " in article.title or article.title.isupper() else None
    if article.topic in ("Philosophy and religion", "Uncategorized"):
        return None
    return None if IN_DOUBT.search(description) else OTHER


@cache
def gazetteer() -> Mapping[Words, str | None]:
    """What names stand for; None for those that stand for several kinds of things."""
    found: dict[Words, str | None] = {}
    ordinary = uncapitalised()
    for article in articles():
        name = words(title_of(article))
        if not name or not CAPITALISED.match(name[0]):
            continue
        if len(name) == 1 and ordinary[name[0].lower()] > 2:  # `Prince`, `City`
            continue
        if all(word[0].islower() or ordinary[word.lower()] for word in name[1:]) and kind_of(article) in (OTHER, None):
            continue  # `Chemical bond` is no name
        kind = kind_of(article)
        found[name] = kind if found.get(name, kind) == kind else None
        if name[0] == "The" and len(name) > 1:
            found.setdefault(name[1:], kind)
    for kind, names in (
        (PERSON, _gazetteer.PEOPLE),
        (PLACE, _gazetteer.PLACES),
        (ORGANISATION, _gazetteer.ORGANISATIONS),
        (OTHER, _gazetteer.OTHERS),
        (OTHER, _gazetteer.PEOPLES),
        (OTHER, _gazetteer.TITLES),
    ):
        found.update({words(name): kind for name in listed(names)})
    return found


@cache
def uncapitalised() -> Counter[str]:
    """How often each word is written in lower case in all leads."""
    return Counter(word for article in articles() for word in re.findall(r"(?<![\w’'-])[a-zà-ÿ][\w’'-]*", article.text))


@cache
def professions() -> set[str]:
    """What the descriptions of people say that they were: ``physicist``, ``poet``, ``king``."""
    people = [article.description.partition("(")[0] for article in articles() if kind_of(article) == PERSON]
    parts = [part.split() for text in people for part in re.split(r",| and | of | from ", text)]
    found = {part[-1] for part in parts if part and part[-1].isalpha() and part[-1].islower()}
    return found - NO_PROFESSION | PROFESSIONS


@cache
def given_names() -> set[str]:
    """First names of at least three people of the vital articles."""
    people = [words(article.title) for article in articles() if kind_of(article) == PERSON]
    count = Counter(name[0] for name in people if len(name) > 1 and "of" not in name and "the" not in name)
    return {name for name, n in count.items() if n > 2 and (name,) not in gazetteer()} - {"Abd", "Guru", "Han", "Ibn"}


def own_names(article: Article) -> dict[Words, str]:
    """How a person's own lead may call them: the full name of the first words, the title, and parts of it."""
    if kind_of(article) != PERSON:
        return {}
    title = title_of(article).partition(",")[0]
    short = words(title.partition(" of ")[0])
    opening = re.match(
        r"((?:[A-ZÀ-Þ][\w’'-]*|[JS]r\.|[A-Z]\.|de|von|van|der|la|di|da|al|ibn|bin|du|le)(?: |(?=,)))+", article.text
    )
    names = [words(title), short, words(opening[0].rstrip(", ")) if opening else ()]
    names += [(part,) for part in (short[-1], short[0]) if len(part) > 2 and not NUMERAL.fullmatch(part)]
    known = gazetteer()
    return {name: PERSON for name in names if name and CAPITALISED.match(name[-1]) and not known.get(name)}


def mentions(sentence: str, own: Mapping[Words, str]) -> list[Mention] | None:
    """All names of a sentence in order, or None if one of them is in doubt.

    Args:
        sentence: Any.
        own: Further names, of what its article is about.
    """
    if re.search(r"[\"“”‘\[\];:/]|[^\x00-ſ–—’ʿʾʼ]", sentence):
        return None  # quoted titles and other scripts: too often in doubt
    tokens = list(TOKEN.finditer(sentence))
    text = [token[0] for token in tokens]
    found: list[tuple[int, int, str]] = []  # first token, token behind the last, kind
    i = 0
    while i < len(text):
        if not CAPITALISED.match(text[i]):
            i += 1
            continue
        name = _known(text, i, own)
        if name is None and i == 0 and uncapitalised()[text[0].lower()] > 2:
            i += 1  # a sentence begins with a capital in any case
            continue
        name = name or _described(text, i) or _person(text, i)
        if name is None or name[1] is None:
            return None
        if i == 0 and name[0] == 1 and uncapitalised()[text[0].lower()] > 20:  # `May` or `March`, or a common word
            return None
        found.append((i, i + name[0], name[1]))
        i += name[0]
    if not all(_stands_alone(text, name, following) for name, following in zip_longest(found, found[1:]) if name):
        return None
    return [Mention(tokens[start].start(), tokens[end - 1].end(), kind) for start, end, kind in found]


def _known(text: list[str], i: int, own: Mapping[Words, str]) -> tuple[int, str | None] | None:
    """Length and kind of the longest listed name that begins at a token."""
    known = gazetteer()
    for length in range(min(8, len(text) - i), 0, -1):
        name = tuple(text[i : i + length])
        if name in own:
            return length, own[name]
        if name in known:
            return length, known[name]
    return None


def _run(text: list[str], i: int) -> int:
    """The token behind the longest run of capitalised words from a token on; `of` and the like may join them."""
    end = i + 1
    while end < len(text):
        following = end
        while following < len(text) and text[following] in ("of", "the") and following < end + 2:
            following += 1
        if following == len(text) or not CAPITALISED.match(text[following]):
            break
        end = following + 1
    return end


def _described(text: list[str], i: int) -> tuple[int, str] | None:
    """Length and kind of a name that says itself what it stands for, such as `Lake Geneva`."""
    length = _run(text, i) - i
    name = text[i : i + length]
    if length == 1:
        return None
    starts = (name[0], " ".join(name[:2]))
    for kind, start, end in (
        (OTHER, OTHER_START, OTHER_END),
        (ORGANISATION, ORGANISATION_START, ORGANISATION_END),
        (PLACE, PLACE_START, PLACE_END),
    ):
        if start.intersection(starts) or (name[-1] in end and "of" not in name):
            return length, kind
    return None


def _person(text: list[str], i: int) -> tuple[int, str] | None:
    """Length and kind of an unlisted name after a profession, or one that begins with a common first name."""
    length = _run(text, i) - i
    name = text[i : i + length]
    if {"of", "the"} & set(name) or length > 4 or any((word,) in gazetteer() for word in name):
        return None
    if i and text[i - 1] in professions() | RELATIVES and (length > 1 or not name[0].isupper()):
        return length, PERSON
    return (length, PERSON) if length in (2, 3) and name[0] in given_names() else None


def _stands_alone(text: list[str], name: tuple[int, int, str], following: tuple[int, int, str] | None) -> bool:
    """Whether a name is no part of a longer one."""
    start, end, kind = name
    after = text[end] if end < len(text) else "."
    if following and following[0] == end:  # `American` `Mark Twain`
        return kind == OTHER and following[2] in (PERSON, OTHER)
    if kind == OTHER:
        return True
    if kind == PERSON and start and text[start - 1].lower() in PARTICLES:
        return False  # `Van der` `Waals`
    if following and following[0] == end + 1 and after in ("of", "de", "&", "-"):
        return False
    if after in TERM or (after == "and" and text[end + 1 : end + 2] == ["the"] and kind == ORGANISATION):
        return False
    if kind == PERSON and after[0].isalpha():
        return after in AFTER_PERSON or after.endswith("ed")
    return True


def of_kind(found: Iterable[Mention], *kinds: str) -> list[Mention]:
    """The mentions of some kinds."""
    return [mention for mention in found if mention.kind in kinds]

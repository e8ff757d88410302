"""The data set ``qa``.

Each row is one or two sentences of the lead of a Wikipedia article, a question about them, and the answers that count:
spans of the sentences. Questions are made by rules: from the facts that `recipes.data._facts` reads, and from a
few forms of sentences more (numbers, dates, makers, superlatives, what somebody did).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recipes.corpora import Article, articles
from recipes.data import _names
from recipes.data._articles import is_whole
from recipes.data._facts import HEADS, MAKING, NAME, NATION, OPENING, YEAR, Statement, statements, subject_kind
from recipes.data._leads import choose, sentences
from textgym.data.hashing import fraction
from textgym.models import load_tokenizer

SIZES = {"train": 3600, "validation": 300, "test": 600}
LARGEST_SHARE = 0.15  # of a kind
PER_ARTICLE = 4
MAX_PROMPT_TOKENS = 100
MAX_WORDS = 55  # of two sentences
MAX_ANSWER_WORDS = 6

NUMBER = r"\d(?:[\d,.]*\d)?(?: (?:million|billion|trillion))?"
ABOUT = r"(?:about |over |around |approximately |nearly |almost |more than |some |roughly |just over )?"
MEASURES = {  # what is asked -> where the number stands
    "What is the population of {}?": re.compile(
        rf"population of {ABOUT}({NUMBER})(?= (?:people|inhabitants|residents|as|in|at|and)\b|,? \(|[,;] |\.(?: |$))"
    ),
    "What is the area of {}?": re.compile(rf"area of {ABOUT}({NUMBER} (?:km2|square kilometres|square kilometers))"),
    "How long is {}?": re.compile(
        rf"(?:length of |long, |is |at ){ABOUT}({NUMBER} (?:km|kilometres|kilometers))"
        r"(?= (?:\([^)]*\) )?(?:long|in length)|.? ?$)"
    ),
    "How high is {}?": re.compile(
        rf"(?:elevation of|height of|rises to) {ABOUT}({NUMBER} (?:m|metres|meters|ft|feet))\b"
    ),
    "How many species are there in {}?": re.compile(
        rf"(?:contains|comprises|has|includes|with|of) {ABOUT}({NUMBER}) "
        r"(?:known |extant |living |accepted |described )?species\b"
    ),
    "How many people speak {}?": re.compile(rf"spoken by {ABOUT}({NUMBER}) (?:people|speakers)"),
}
MAKERS = {
    "novel": "wrote", "book": "wrote", "poem": "wrote", "play": "wrote", "novella": "wrote", "tragedy": "wrote",
    "treatise": "wrote", "painting": "painted", "fresco": "painted", "opera": "composed", "symphony": "composed",
}  # fmt: skip
PAST = {"written": "wrote"}
ITSELF = re.compile(r"(?:It|Its|The (?:city|country|river|island|lake|mountain|state|family|genus|order|language))\b")
WORD_BOUNDARY = re.compile(r"\b")
DONE = re.compile(
    rf"(?P<subject>It|{NAME}) (?P<was>was|were) (?:first |originally |officially |formally )?"
    r"(?P<done>founded|established|discovered|published|released|built|created|introduced|invented|completed|opened|"
    r"launched|written|composed|painted|designed|developed|proposed|isolated|synthesized|described|adopted|formed|"
    r"constructed|directed)\b(?P<rest>[^;]*?)[.;]"
)
BY = re.compile(
    rf" (?:in {YEAR} )?by (?:the )?(?:(?:{NATION}) )?(?:[a-z]+ (?:and [a-z]+ )?)*(?P<name>{NAME})"
    r"(?= in |$|,| and [a-z])"
)
KNOWN_FOR = re.compile(r"\bbest known for (?P<what>[^,.;:]+?)(?=[,.;]| and (?:for|his|her|as)\b)")
USED = re.compile(
    r"(?<!be )(?<!been )(?<!was )(?<!widely )\bused (?P<what>(?:to|for [a-z]+ing\b)[^,.;:()]*?)(?=[.,;]| that )"
)
WHO = re.compile(
    r" who (?P<did>(?!lived|wrote in|worked|was active)"
    r"(?:[a-z]+ed|was|is|led|won|wrote|became|made|held|took|fought|taught) [^,;:\"]*?)\.$"
)
SUPERLATIVE = re.compile(
    r"(?:The )?(?P<subject>[^,;()]+?)(?:, [^,;()]+,)? (?P<verb>is|was) (?P<what>the (?:[a-z]+-)?(?:largest|longest|"
    r"highest|oldest|smallest|deepest|most populous|tallest|biggest|northernmost|southernmost|easternmost|westernmost|"
    r"driest|hottest) [a-z][^,.;:()]*? (?:in|of|on) [^,.;:()]*?)(?=\.$|[,;]| and (?:the|is|was|has|its)\b)"
)


@dataclass(frozen=True)
class Question:
    """A question about a sentence.

    Attributes:
        kind: Of question.
        text: The question.
        answers: Those that count, the best first: spans of the sentence.
    """

    kind: str
    text: str
    answers: tuple[str, ...]


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split, in a random order."""
    encode = load_tokenizer("textgym-tiny").encode
    splits: dict[str, list[dict[str, Any]]] = {}
    for split, size in SIZES.items():
        rows = [row for article in articles() if article.split == split for row in rows_of(article)]
        rows = [row for row in rows if len(encode(row["prompt"])) <= MAX_PROMPT_TOKENS]
        kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
        per_article = Counter[str]()
        for row in choose(rows, len(rows)):
            if per_article[row["title"]] < PER_ARTICLE and len(kinds[row["kind"]]) < LARGEST_SHARE * size:
                kinds[row["kind"]].append(row)
                per_article[row["title"]] += 1
        splits[split] = choose([row for of_kind in kinds.values() for row in of_kind], size)
    return splits


def rows_of(article: Article) -> Iterator[dict[str, Any]]:
    """All questions about a lead, each with its passage."""
    lead = sentences(article.text)
    name = name_of(article, lead[0])
    read = {statement.number: statement for statement in statements(article)}
    for number, sentence in enumerate(lead):
        found = [*of_statement(read[number], name if number == 0 else "")] if number in read else []
        found += of_sentence(sentence, number, article, name)
        passage = passage_of(lead, number)
        if not all(map(is_whole, passage)):
            continue
        for question in found:
            spans = [answer for answer in dict.fromkeys(question.answers) if answer in sentence]
            answers = [answer for answer in spans if len(answer.split()) <= MAX_ANSWER_WORDS]
            if answers:
                prompt = f"{' '.join(passage)}\nQ: {question.text}"
                yield {"prompt": prompt, "reference": answers, "kind": question.kind, "title": article.title}


def passage_of(lead: list[str], number: int) -> list[str]:
    """A sentence with the first one before it, for that says what `it` is; the first one with the next, or alone."""
    if number:
        return [lead[0], lead[number]]
    both = " ".join(lead[:2])
    return lead[:2] if fraction("both:" + both) < 0.6 and len(both.split()) <= MAX_WORDS else lead[:1]


def of_statement(statement: Statement, name: str) -> Iterator[Question]:
    """Questions about what a sentence says of its subject, which they call by a name."""
    if not statement.subject:
        return
    sentence, verb, name = statement.sentence, statement.verb, name or statement.subject
    objects: dict[str, list[str]] = defaultdict(list)
    for fact in statement.facts:
        if fact.subject == statement.subject:
            objects[fact.relation].append(fact.object)
    forms = simple_questions(name, verb, "term" if re.search(r"[Pp]resident|[Mm]inister", sentence) else "reign")
    for relation in [relation for relation in forms if relation in objects]:
        yield Question(*forms[relation], tuple(objects[relation]))
    for phrase in objects["is a"]:
        yield Question("definition", f"What {verb} {name}?", (phrase, f"a {phrase}", f"an {phrase}"))
    if objects["located in"]:
        places = [fact.object for fact in statement.facts if fact.relation == "located in"]
        yield Question("place", f"Where {verb} {name}?", (", ".join(places), *places))
    for place in objects["capital of"]:
        if fraction("capital:" + sentence) < 0.5:
            yield Question("capital", f"What is the capital of {place}?", (statement.subject,))
        else:
            yield Question("capital", f"Which place is {name} the capital of?", (place,))
    if work := objects["occupation"]:
        start = next(fact.start for fact in statement.facts if fact.relation == "occupation")
        every = sentence[start : sentence.index(work[-1], start) + len(work[-1])]
        yield Question("occupation", f"What {verb} the profession of {name}?", (every, *work))
    if objects["created by"]:
        did = MAKERS.get(objects["is a"][0].split()[-1], "created")
        yield Question("maker", f"Who {did} {name}?", tuple(objects["created by"]))


def simple_questions(name: str, verb: str, term: str) -> dict[str, tuple[str, str]]:
    """Kind and text of the questions after a relation's objects."""
    do = "do" if verb == "are" else "does"
    return {
        "also known as": ("alias", f"What is another name for {name}?"),
        "nationality": ("nationality", f"What nationality {verb} {name}?"),
        "position": ("position", f"What position did {name} hold?"),
        "in office from": ("date", f"When did the {term} of {name} begin?"),
        "in office until": ("date", f"When did the {term} of {name} end?"),
        "family": ("group", f"Which family {do} {name} belong to?"),
        "order": ("group", f"Which order {do} {name} belong to?"),
        "genus": ("group", f"Which genus {do} {name} belong to?"),
        "native to": ("place", f"Where {verb} {name} native to?"),
        "symbol": ("formula", f"What is the symbol of {name}?"),
        "atomic number": ("number", f"What is the atomic number of {name}?"),
        "formula": ("formula", f"What is the chemical formula of {name}?"),
        "founded in": ("date", f"When was {name} founded?"),
        "published in": ("date", f"When was {name} published?"),
        "released in": ("date", f"When was {name} released?"),
        "built in": ("date", f"When was {name} built?"),
        "year": ("date", f"What year is {name} from?"),
        **{f"{how} by": ("maker", f"Who {PAST.get(how, how)} {name}?") for how in MAKING if how != "created"},
        **{
            f"{head} of": ("group", f"What {verb} {name} {'an' if head == 'order' else 'a'} {head} of?")
            for head in HEADS
        },
    }


def of_sentence(sentence: str, number: int, article: Article, name: str) -> Iterator[Question]:
    """Questions that single forms of sentences allow."""
    title, kind = _names.title_of(article), _names.kind_of(article)
    named = sentence.startswith(title) and WORD_BOUNDARY.match(sentence, len(title))
    if number == 0 or named or ITSELF.match(sentence):
        for text, pattern in MEASURES.items():
            suits = (
                kind == _names.PLACE or ("species" in text and article.topic.startswith("Biology")) or "speak" in text
            )
            if suits and (match := pattern.search(sentence)):
                yield Question("number", text.format(name), (match[1],))
    if (done := DONE.match(sentence)) and done["subject"] in ("It", title) and kind != _names.PERSON:
        if when := re.search(rf" in ({YEAR})(?=[ .,;]|$)", done["rest"]):
            yield Question("date", f"When was {name} {done['done']}?", (when[1],))
        if (who := BY.match(done["rest"])) and _names.gazetteer().get(_names.words(who["name"])) != _names.OTHER:
            yield Question("maker", f"Who was {name} {done['done']} by?", (who["name"],))
    if number == 0:
        yield from of_person(sentence, name) if kind == _names.PERSON else of_thing(sentence, name)


def of_person(sentence: str, name: str) -> Iterator[Question]:
    """What somebody did, and is known for."""
    if known := KNOWN_FOR.search(sentence):
        yield Question("known for", f"What was {name} best known for?", (known["what"],))
    if (did := WHO.search(sentence)) and 4 <= len(did["did"].split()) <= 16 and " who " not in did["did"]:
        told = set(_names.words(name)) & set(_names.words(did["did"])) - {"of", "the"}
        if not told:
            yield Question("who", f"Who {did['did']}?", (name,))


def of_thing(sentence: str, name: str) -> Iterator[Question]:
    """What something is used for, and what it is the largest of."""
    if used := USED.search(sentence):
        yield Question("use", f"What is {name} used for?", (used["what"], used["what"].partition(" ")[2]))
    most = SUPERLATIVE.match(sentence)
    if (
        most
        and _names.gazetteer().get(_names.words(most["subject"])) == _names.PLACE
        and len(most["what"].split()) < 15
    ):
        yield Question("superlative", f"What {most['verb']} {most['what']}?", (most["subject"],))


def name_of(article: Article, first: str) -> str:
    """How a question names what an article is about: `a fastener`, `the Volga`, `Leeds`."""
    opening, title, kind = OPENING.match(first), _names.title_of(article), _names.kind_of(article)
    if not opening or subject_kind(opening["subject"], article, _names.own_names(article), 0) is None:
        return title
    if re.match(rf"{re.escape(title)}\b", first):
        before, subject = "", title
    else:
        before, subject = first[: opening.start("subject")].rpartition(", ")[2].lower(), opening["subject"]
    common = _names.uncapitalised()[subject.split()[0].lower()] > (20 if article.topic == "Arts" else 0)
    if common and subject[1:].islower() and "(" not in article.title and kind not in (_names.PERSON, _names.PLACE):
        subject = subject[0].lower() + subject[1:]
    return before + subject

"""The data sets ``qa_synthetic``, ``ner_synthetic``, ``relation_extraction_synthetic`` and ``finance_sentiment``.

Short sentences about invented people, places and organisations, made on the spot. The splits share no entity and no
part of a name, so that an answer has to be read from the sentence: there is nothing to remember.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from string import Formatter
from typing import Any

from textgym.metrics.spans import NONE

SIZES = {"train": 3000, "validation": 300, "test": 600}
PERSON, PLACE, FIRM = "PER", "LOC", "ORG"
KINDS = {"person": PERSON, "friend": PERSON, "place": PLACE, "town": PLACE, "firm": FIRM, "rival": FIRM}  # by field
MONTHS = "January February March April May June July August September October November December"
THINGS = {  # or sentences without a name would be in several splits
    "train": "bridge road museum library market hotel theatre station mill garden school tower chapel",
    "validation": "tunnel stadium pier bakery",
    "test": "canal hospital park cinema airport",
}

FIRST_NAMES = {
    "train": "Anna Boris Clara David Elena Felix Greta Henry Irene Jonas Karin Louis Maria Nils Olga Paul",
    "validation": "Agnes Bruno Dora Emil Flora Gustav",
    "test": "Adele Benno Cecil Edith Frida Hugo Ida Julius",
}
LAST_NAMES = {
    "train": "Adler Baker Carver Dorn Ekman Foster Garcia Holm Ivers Jensen Keller Lind Moreau Novak Osman Petrov",
    "validation": "Archer Berg Conti Dahl Evans Frost",
    "test": "Abbott Brandt Costa Duval Engel Fischer Gray Hauser",
}
PLACES = {
    "train": "Ashford Brisk Corwen Dunmere Elstow Fairlea Glenholm Harrow Inverby Kelso Larkhill Milden Norwick Oakham",
    "validation": "Aldermoor Bexhill Carrick Denby Eastry Fulbeck",
    "test": "Arundel Barwick Clovelly Dorset Elgin Farnham Gosford Helmsley",
}
FIRMS = {
    "train": "Apex Borealis Cobalt Delphi Everest Falcon Granite Horizon Indigo Jupiter Kestrel Lotus Meridian Nimbus",
    "validation": "Aurora Bastion Cascade Dynamo Eclipse Fortuna",
    "test": "Atlas Beacon Comet Drake Ember Fjord Galleon Harbour",
}
FIRM_ENDINGS = {"train": "Group Motors Bank Press", "validation": "Foods Airlines", "test": "Records Systems"}


@dataclass(frozen=True)
class Form:
    """A form of sentences.

    Attributes:
        text: With a field for each entity, by the names of `KINDS`.
        triples: What it states: names of fields around a relation.
        questions: What can be asked, and the field that answers it.
    """

    text: str
    triples: tuple[tuple[str, str, str], ...] = ()
    questions: tuple[tuple[str, str], ...] = ()


FORMS = (
    Form(
        "{person} was born in {place}.",
        (("person", "born in", "place"),),
        (("Where was {person} born?", "place"), ("Who was born in {place}?", "person")),
    ),
    Form(
        "{person} works for {firm} in {place}.",
        (("person", "works for", "firm"), ("firm", "located in", "place")),
        (("Who works for {firm}?", "person"), ("Which company does {person} work for?", "firm")),
    ),
    Form(
        "{firm}, a company from {place}, was founded by {person}.",
        (("firm", "located in", "place"), ("firm", "founded by", "person")),
        (("Who founded {firm}?", "person"), ("Where is {firm} from?", "place")),
    ),
    Form(
        "Last spring {person} moved from {place} to {town}.",
        (("person", "moved from", "place"), ("person", "moved to", "town")),
        (("Where did {person} move to?", "town"), ("Where did {person} come from?", "place")),
    ),
    Form(
        "In {town}, {person} married {friend}.",
        (("person", "married", "friend"),),
        (("Who did {person} marry?", "friend"), ("Where did {person} marry {friend}?", "town")),
    ),
    Form(
        "{firm} bought {rival} from {person}.",
        (("firm", "bought", "rival"),),
        (("What did {firm} buy?", "rival"), ("Who sold {rival}?", "person")),
    ),
    Form(
        "After years at {rival}, {person} became the head of {firm}.",
        (("person", "left", "rival"), ("person", "head of", "firm")),
        (("Who became the head of {firm}?", "person"), ("Where was {person} before?", "rival")),
    ),
    Form(
        "The road from {town} to {place} is closed.",
        (),
        (("Where does the road from {town} lead?", "place"),),
    ),
    Form("In {month} the {thing} was closed for repairs."),
    Form("Nobody knew when the {thing} would open again, and by {month} few people asked."),
)

NEWS = {  # by what it means for the owners of the first firm
    "positive": (
        "{firm} earned EUR {more} million in {month}, against EUR {less} million a year ago.",
        "The loss of {firm} narrowed to EUR {less} million from EUR {more} million.",
        "Sales of {firm} rose by {less} percent in {month}, more than {rival} had forecast.",
        "Costs at {firm} fell by {less} percent in {month}.",
        "{firm} won an order worth EUR {more} million that {rival} had hoped for.",
        "{firm} raised its forecast after a strong {month} in {place}.",
    ),
    "negative": (
        "{firm} earned EUR {less} million in {month}, against EUR {more} million a year ago.",
        "The loss of {firm} widened to EUR {more} million from EUR {less} million.",
        "Sales of {firm} fell by {less} percent in {month}, more than {rival} had forecast.",
        "Costs at {firm} rose by {less} percent in {month}.",
        "{firm} lost an order worth EUR {more} million that {rival} had hoped for.",
        "{firm} cut its forecast after a weak {month} in {place}.",
    ),
    "neutral": (
        "{firm} earned EUR {more} million in {month}, as much as a year ago.",
        "{firm} will say in {month} what it earned in the last {less} weeks.",
        "Sales of {firm} in {place} begin in {month}, as {rival} had forecast.",
        "Costs at {firm} were EUR {less} million in {month}, as in the month before.",
        "{firm} and {rival} hold their annual meetings in {month}, both in {place}.",
        "{person}, aged {more}, stays on the board of {firm}.",
    ),
}


@dataclass(frozen=True)
class Example:
    """A form with its fields filled.

    Attributes:
        form: The form.
        values: What each of its fields is filled with.
    """

    form: Form
    values: dict[str, str]

    @property
    def text(self) -> str:
        """The sentence."""
        return self.form.text.format(**self.values)

    @property
    def entities(self) -> list[tuple[str, str]]:
        """Type and name of each entity, in the order of the sentence."""
        return [(KINDS[field], self.values[field]) for field in _fields(self.form) if field in KINDS]

    @property
    def triples(self) -> list[str]:
        """What the sentence states."""
        return [f"{self.values[a]} | {relation} | {self.values[b]}" for a, relation, b in self.form.triples]


def qa(split: str) -> list[dict[str, Any]]:
    """Two sentences and a question about one of them: ``prompt``, ``reference`` and ``kind`` (the answer's type)."""
    rng = random.Random(f"qa:{split}")

    def row() -> dict[str, Any] | None:
        asked, other = _example(split, rng), _example(split, rng)
        if not asked.form.questions or set(asked.values.values()) & set(other.values.values()):
            return None
        question, field = rng.choice(asked.form.questions)
        passage = " ".join(rng.sample([asked.text, other.text], 2))
        prompt = f"{passage}\nQ: {question.format(**asked.values)}"
        return {"prompt": prompt, "reference": asked.values[field], "kind": KINDS[field]}

    return _rows(split, row)


def ner(split: str) -> list[dict[str, Any]]:
    """A sentence and its entities: ``prompt``, ``reference`` and ``types``."""
    rng = random.Random(f"ner:{split}")

    def row() -> dict[str, Any]:
        example = _example(split, rng)
        reference = "; ".join(f"{kind}: {name}" for kind, name in example.entities) or NONE
        return {"prompt": example.text, "reference": reference, "types": [kind for kind, _ in example.entities]}

    return _rows(split, row)


def relation_extraction(split: str) -> list[dict[str, Any]]:
    """A sentence and what it states: ``prompt``, ``reference`` and ``relations``."""
    rng = random.Random(f"relation_extraction:{split}")

    def row() -> dict[str, Any] | None:
        example = _example(split, rng)
        relations = [relation for _, relation, _ in example.form.triples]
        return (
            {"prompt": example.text, "reference": "; ".join(example.triples), "relations": relations}
            if relations
            else None
        )

    return _rows(split, row)


def finance_sentiment(split: str) -> list[dict[str, Any]]:
    """News of a firm and what it means for its owners: ``prompt`` and ``reference``, one of `NEWS`."""
    rng = random.Random(f"finance_sentiment:{split}")

    def row() -> dict[str, Any]:
        sentiment = rng.choice([*NEWS])
        less, more = sorted(rng.sample(range(2, 100), 2))
        form = Form(rng.choice(NEWS[sentiment]))
        return {"prompt": _filled(form, split, rng, less=str(less), more=str(more)).text, "reference": sentiment}

    return _rows(split, row)


def _rows(split: str, make: Callable[[], dict[str, Any] | None]) -> list[dict[str, Any]]:
    """So many rows as the split has, no prompt twice."""
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < SIZES[split]:
        if row := make():
            rows[row["prompt"]] = row
    return list(rows.values())


def _example(split: str, rng: random.Random) -> Example:
    """A random form of `FORMS`."""
    return _filled(rng.choice(FORMS), split, rng)


def _filled(form: Form, split: str, rng: random.Random, **given: str) -> Example:
    """A form filled with what is given and the split's names, each once."""
    names = {
        PERSON: [
            f"{a} {b}"
            for a, b in zip(_shuffled(FIRST_NAMES[split], rng), _shuffled(LAST_NAMES[split], rng), strict=True)
        ],
        PLACE: _shuffled(PLACES[split], rng),
        FIRM: [f"{name} {rng.choice(FIRM_ENDINGS[split].split())}" for name in _shuffled(FIRMS[split], rng)],
    }
    fillers = {"month": rng.choice(MONTHS.split()), "thing": rng.choice(THINGS[split].split()), **given}
    return Example(form, {field: fillers.get(field) or names[KINDS[field]].pop() for field in _fields(form)})


def _shuffled(names: str, rng: random.Random) -> list[str]:
    return rng.sample(names.split(), len(names.split()))


def _fields(form: Form) -> list[str]:
    """The fields of a form in the order of its text."""
    return [field for _, field, _, _ in Formatter().parse(form.text) if field]

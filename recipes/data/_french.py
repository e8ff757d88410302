"""English sentences with their French, made by a small grammar.

It knows articles, gender and number, elision and contraction, the place and agreement of adjectives, tenses, negation
and questions. Which words a sentence brings together is on record, so that splits can keep pairs of words apart.
French has straight apostrophes, and a plain space before the question mark.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from recipes.data._lexicon import (
    ACTIONS,
    ADJECTIVES,
    ALIVE,
    DOING,
    FEELINGS,
    GIVING,
    HAVE,
    KNOW,
    LIKES,
    MOVING,
    NAMES,
    NOUNS,
    NUMBERS,
    PEOPLE,
    PLACES,
    POSSESSIVES,
    PROFESSIONS,
    STATES,
    TIMES,
    WHERE,
    YOUNG,
    Adjective,
    Noun,
    Verb,
)

T = TypeVar("T")

HELPERS = {  # that go before an infinitive
    "going": ("vais", "va", "allons", "allez", "vont"), "can": ("peux", "peut", "pouvons", "pouvez", "peuvent"),
    "must": ("dois", "doit", "devons", "devez", "doivent"), "want": ("veux", "veut", "voulons", "voulez", "veulent"),
}  # fmt: skip
BE = {  # être by tense: the past is the imperfect, for it describes
    "simple": ("suis", "est", "sommes", "êtes", "sont"), "past": ("étais", "était", "étions", "étiez", "étaient"),
    "future": ("serai", "sera", "serons", "serez", "seront"),
}  # fmt: skip
FUTURE_ENDINGS = ("ai", "a", "ons", "ez", "ont")
AGREEMENT = ("", "e", "s", "es")
VOWELS = tuple("aeiouyhàâéèêîôœ")  # every h of these words is mute
ELIDED = ("le", "la", "de", "que", "ne", "je")
CONTRACTED = {("de", "le"): "du", ("de", "les"): "des", ("à", "le"): "au", ("à", "les"): "aux"}


class Phrase(NamedTuple):
    """A noun phrase, name or pronoun in both languages."""

    english: str
    french: tuple[str, ...]
    person: int  # 0 je, 1 il, 2 nous, 3 vous, 4 ils
    form: int  # of what agrees with it: masculine, feminine, and their plurals
    head: str = ""  # the English noun, if there is one
    pairs: tuple[str, ...] = ()


class Sentence(NamedTuple):
    """A sentence, its translation, and the pairs of words that it brings together, such as ``"eat apple"``."""

    english: str
    french: str
    pairs: tuple[str, ...]


THIRD_PERSONS = (Phrase("he", ("il",), 1, 0), Phrase("she", ("elle",), 1, 1), Phrase("they", ("ils",), 4, 2))
SPEAKERS = (Phrase("I", ("je",), 0, 0), Phrase("we", ("nous",), 2, 2), Phrase("you", ("vous",), 3, 2))  # of any gender


def is_vowel(word: str) -> bool:
    """Whether a French word begins with a vowel that elides the one before; "huit" does not.

    >>> is_vowel("homme"), is_vowel("huit"), is_vowel("Alice")
    (True, False, True)
    """
    return word.lower().startswith(VOWELS) and word != "huit"


def joined(words: Sequence[str]) -> str:
    """French words as a text, with its elisions and contractions.

    >>> joined(["je", "ne", "ai", "pas", "peur", "de", "le", "ours"]), joined(["à", "le", "parc"])
    ("je n'ai pas peur de l'ours", 'au parc')
    """
    text: list[str] = []
    for word in reversed(words):
        if text and word in ELIDED and is_vowel(text[0]):
            text[0] = f"{word[:-1]}'{text[0]}"
        elif text and (word, text[0]) in CONTRACTED:
            text[0] = CONTRACTED[word, text[0]]
        else:
            text.insert(0, word)
    return " ".join(text)


def _sentence(english: Sequence[str], french: Sequence[str], pairs: Sequence[str], question: bool = False) -> Sentence:
    text, translation = " ".join(filter(None, english)), joined([*filter(None, french)])
    mark = "?" if question else "."
    space = " " if question else ""
    return Sentence(
        text[0].upper() + text[1:] + mark, translation[0].upper() + translation[1:] + space + mark, tuple(pairs)
    )


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


class Grammar:
    """Draws sentences.

    Args:
        seed: The same seed, the same sentences.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._patterns = (
            [self.action] * 8 + [self.motion] * 3 + [self.description] * 3 + [self.doing] * 2 + [self.giving] * 2
            + [self.liking, self.having, self.profession, self.comparison, self.presence, self.feeling, self.age]
            + [self.where, self.who, self.how_many]
        )  # fmt: skip

    def sentence(self) -> Sentence:
        """The next sentence."""
        return self.pick(self._patterns)()

    def pick(self, values: Sequence[T]) -> T:
        """One of the values; of `random`, only `random.random` is the same in every version of Python."""
        return values[int(self._random.random() * len(values))]

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self._random.random() < probability

    def noun(self, kinds: frozenset[str], but: str = "") -> Noun:
        """A noun of some kind."""
        return self.pick([noun for noun in NOUNS if noun.kind in kinds and noun.english != but])

    def phrase(self, kinds: frozenset[str], but: str = "", negated: bool = False, definite: bool = False) -> Phrase:
        """A noun phrase; as the object of a negated verb, its indefinite article is "de"."""
        noun, plural = self.noun(kinds, but), self.chance(0.3)
        adjectives = [adjective for adjective in ADJECTIVES if noun.kind in adjective.kinds]
        adjective = self.pick(adjectives) if adjectives and self.chance(0.3) else None
        form = noun.form + 2 * plural
        french = [noun.french_plural if plural else noun.french]
        if adjective and adjective.first:
            french.insert(0, adjective.forms[4 if form == 0 and is_vowel(french[0]) else form])
        elif adjective:
            french.append(adjective.forms[form])
        english = f"{adjective.english} " if adjective else ""
        english += noun.plural if plural else noun.english
        determiner, article = self._determiner(english, french[0], form, negated, definite)
        pairs = (f"{adjective.english} {noun.english}",) if adjective else ()
        return Phrase(f"{determiner} {english}", (article, *french), 4 if plural else 1, form, noun.english, pairs)

    def _determiner(self, english: str, french: str, form: int, negated: bool, definite: bool) -> tuple[str, str]:
        plural, feminine, vowel = form > 1, form == 1, is_vowel(french)
        choice = self.pick(("the", "the", "the", "a", "a", "this", "own"))
        if choice == "the" or (choice == "a" and definite):
            return "the", "les" if plural else "la" if feminine else "le"
        if choice == "a" and plural:
            return self.pick([*NUMBERS.items()])
        if choice == "a":
            return _article(english), "de" if negated else "une" if feminine else "un"
        if choice == "this":
            return ("these", "ces") if plural else ("this", "cette" if feminine else "cet" if vowel else "ce")
        owner = self.pick([*POSSESSIVES])
        return owner, POSSESSIVES[owner][2 if plural else int(feminine and not vowel)]

    def subject(self, kinds: frozenset[str] = PEOPLE, known_gender: bool = False) -> Phrase:
        """A subject: a noun phrase, or where it may be a person, a name or pronoun."""
        if kinds & PEOPLE and self.chance(0.25):
            return self.pick(THIRD_PERSONS if known_gender else THIRD_PERSONS + SPEAKERS)
        if kinds & PEOPLE and self.chance(0.2):
            name = self.pick([*NAMES])
            return Phrase(name, (name,), 1, NAMES[name])
        return self.phrase(kinds, definite=True)

    def clause(
        self, subject: Phrase, verb: Verb, tense: str, complement: Phrase, *, negated: bool = False,
        with_be: bool = False, link: tuple[str, str] = ("", ""), more: tuple[str, str] = ("", ""),
    ) -> Sentence:  # fmt: skip
        """A statement, or if it is not negated perhaps a question, from its parts.

        Args:
            subject: Who does it.
            verb: What.
            tense: simple, progressive, past, future, or one of `HELPERS`.
            complement: Its object or place.
            negated: Whether they do not.
            with_be: Whether the past is made with être.
            link: The prepositions before the complement.
            more: What follows it.
        """
        question = not negated and self.chance(0.2)
        english = _english(subject, verb, tense, negated, question)
        french = [*subject.french, *_french(subject, verb, tense, negated, with_be)]
        if question:
            french = ["est-ce", "que", *french]
        base = verb.english[0]
        pairs = [*subject.pairs, *complement.pairs]
        pairs += [f"{base} {complement.head}"] if complement.head else []
        pairs += [f"{subject.head} {base}"] if subject.head else []
        return _sentence(
            [*english, link[0], complement.english, more[0]],
            [*french, *link[1].split(), *complement.french, *more[1].split()], pairs, question,
        )  # fmt: skip

    def time(self, tense: str) -> tuple[str, str]:
        """When, in one sentence of three."""
        times = TIMES.get("future" if tense == "going" else tense)
        return self.pick(times) if times and self.chance(0.35) else ("", "")

    def action(self) -> Sentence:
        """The girl did not buy the red hat."""
        tense = self.pick(("simple", "progressive", "past", "past", "future", "going", "can", "must", "want"))
        verb = self.pick(ACTIONS + STATES if tense in ("simple", "past", "future") else ACTIONS)
        negated = self.chance(0.2)
        animals = verb.english[0] in ("eat", "see", "follow", "find", "look for", "watch")
        subject = self.subject(ALIVE if animals else PEOPLE)
        complement = self.phrase(verb.kinds, but=subject.head, negated=negated)
        return self.clause(subject, verb, tense, complement, negated=negated, more=self.time(tense))

    def motion(self) -> Sentence:
        """The women went to the station."""
        verb, link = self.pick(MOVING)
        tense = self.pick(("simple", "past", "past", "future", "going", "can", "want"))
        place = self.noun(verb.kinds)
        complement = Phrase(
            f"the {place.english}", (("le", "la")[place.form], place.french), 1, place.form, place.english
        )
        subject = self.subject(known_gender=True)
        return self.clause(
            subject, verb, tense, complement, negated=self.chance(0.2), with_be=True, link=link, more=self.time(tense)
        )

    def doing(self) -> Sentence:
        """My dog is sleeping behind the house."""
        verb, link = self.pick(DOING), self.pick(WHERE)
        tense = self.pick(("simple", "progressive", "past", "future", "can", "want"))
        animals = verb.english[0] in ("sleep", "play", "wait")
        subject = self.subject(ALIVE if animals else PEOPLE)
        complement = self.phrase(verb.kinds, definite=True)
        return self.clause(subject, verb, tense, complement, negated=self.chance(0.2), link=link, more=self.time(tense))

    def giving(self) -> Sentence:
        """Paul gave two letters to his uncle."""
        verb, tense = self.pick(GIVING), self.pick(("simple", "past", "future", "going", "must", "want"))
        subject, receiver = self.subject(), self.phrase(PEOPLE, definite=True)
        while receiver.head == subject.head:
            receiver = self.phrase(PEOPLE, definite=True)
        to = (f"to {receiver.english}", " ".join(("à", *receiver.french)))
        made = self.clause(subject, verb, tense, self.phrase(verb.kinds, definite=True), more=to)
        return made._replace(pairs=(*made.pairs, *receiver.pairs, f"{verb.english[0]} to {receiver.head}"))

    def liking(self) -> Sentence:
        """Emma does not like tomatoes."""
        verb = self.pick(LIKES)
        noun = self.noun(verb.kinds)
        complement = Phrase(noun.plural, ("les", noun.french_plural), 4, noun.form + 2, noun.english)
        return self.clause(self.subject(), verb, "simple", complement, negated=self.chance(0.25))

    def having(self) -> Sentence:
        """We do not have a boat."""
        negated, verb = self.chance(0.25), self.pick((HAVE, HAVE, KNOW))
        subject = self.subject()
        complement = self.phrase(verb.kinds, but=subject.head, negated=negated)
        return self.clause(subject, verb, "simple", complement, negated=negated)

    def being(
        self, subject: Phrase, tense: str, english: str, french: Sequence[str], pair: str, *,
        negated: bool = False, with_have: bool = False, more: Sequence[str] = (),
    ) -> Sentence:  # fmt: skip
        """A sentence with "to be", or if it is not negated perhaps a question.

        Args:
            subject: Who is it.
            tense: simple, past or future.
            english: What they are.
            french: The same in French.
            pair: The word that goes with the subject.
            negated: Whether they are not.
            with_have: Whether French says "to have", in the present.
            more: Other pairs of words in the sentence.
        """
        question = not negated and self.chance(0.2)
        no = "not" if negated else ""
        singular = {0: "am", 1: "is"}.get(subject.person, "are"), "was" if subject.person < 2 else "were"
        finite = {"simple": singular[0], "past": singular[1], "future": "will"}[tense]
        rest = f"be {english}" if tense == "future" else english
        form = (HAVE.present if with_have else BE[tense])[subject.person]
        verb = ["ne", form, "pas"] if negated else [form]
        pairs = [*subject.pairs, *more, f"{pair} {subject.head or subject.english}"]
        return _sentence(
            [finite, subject.english, rest] if question else [subject.english, finite, no, rest],
            [*(["est-ce", "que"] if question else []), *subject.french, *verb, *french], pairs, question,
        )  # fmt: skip

    def description(self) -> Sentence:
        """The old houses were white."""
        subject = self.subject(frozenset(noun.kind for noun in NOUNS), known_gender=True)
        kinds = {noun.kind for noun in NOUNS if noun.english == subject.head} or PEOPLE
        adjective = self.pick([a for a in ADJECTIVES if a.kinds & kinds and not _has(subject, a)])
        tense = self.pick(("simple", "simple", "past", "future"))
        french = [adjective.forms[subject.form]]
        return self.being(subject, tense, adjective.english, french, adjective.english, negated=self.chance(0.25))

    def profession(self) -> Sentence:
        """My sister is a lawyer."""
        subject = self.subject(known_gender=True)
        while subject.person != 1 or subject.head in PROFESSIONS:
            subject = self.subject(known_gender=True)
        work = self.pick([*PROFESSIONS])
        french = [PROFESSIONS[work][subject.form]]
        return self.being(subject, self.pick(("simple", "past")), f"{_article(work)} {work}", french, work)

    def comparison(self) -> Sentence:
        """The horse is faster than the cow."""
        subject = self.phrase(ALIVE | {"clothes", "text", "thing", "vehicle", "place", "public"}, definite=True)
        (noun,) = (noun for noun in NOUNS if noun.english == subject.head)
        adjective = self.pick(
            [a for a in ADJECTIVES if noun.kind in a.kinds and a.comparative != "-" and not _has(subject, a)]
        )
        other = self.phrase(frozenset({noun.kind}), but=subject.head, definite=True)
        english = f"{adjective.comparative} than {other.english}"
        french = ["plus", adjective.forms[subject.form], "que", *other.french]
        more = [*other.pairs, f"{adjective.english} {other.head}"]
        return self.being(subject, "simple", english, french, adjective.english, more=more)

    def presence(self) -> Sentence:
        """There are three cats in the garden."""
        noun = self.noun(ALIVE | {"food", "text", "thing"})
        place = self.phrase(PLACES, definite=True)
        count = self.pick(("one", "one", "no", *NUMBERS))
        plural, question = count in NUMBERS, count != "no" and self.chance(0.2)
        amount = {"one": (_article(noun.english), ("un", "une")[noun.form]), "no": ("no", "de")}
        english, french = (count, NUMBERS[count]) if plural else amount[count]
        verb = ["ne", "y", "a", "pas"] if count == "no" else ["y", "a"]
        be = "are" if plural else "is"
        things = f"{english} {noun.plural if plural else noun.english}"
        return _sentence(
            [*([be, "there"] if question else ["there", be]), things, "in", place.english],
            [*(["est-ce", "que"] if question else []), "il", *verb, french,
             noun.french_plural if plural else noun.french, "dans", *place.french],
            [f"{noun.english} in {place.head}", *place.pairs], question,
        )  # fmt: skip

    def feeling(self) -> Sentence:
        """The child is not hungry."""
        subject, feeling, negated = self.subject(), self.pick([*FEELINGS]), self.chance(0.3)
        return self.being(subject, "simple", feeling, [FEELINGS[feeling]], feeling, negated=negated, with_have=True)

    def age(self) -> Sentence:
        """Her cat is nine years old."""
        subject, (number, french) = self.subject(self.pick((PEOPLE, ALIVE - PEOPLE))), self.pick([*NUMBERS.items()])
        while subject.head and subject.head not in YOUNG:
            subject = self.subject(self.pick((PEOPLE, ALIVE - PEOPLE)))
        return self.being(subject, "simple", f"{number} years old", [french, "ans"], number, with_have=True)

    def where(self) -> Sentence:
        """Where are my keys?"""
        phrase = self.phrase(ALIVE | PLACES | {"clothes", "text", "thing"}, definite=True)
        be, french = ("are", "sont") if phrase.person == 4 else ("is", "est")
        pairs = [f"where {phrase.head}", *phrase.pairs]
        return _sentence(["where", be, phrase.english], ["où", french, *phrase.french], pairs, True)

    def who(self) -> Sentence:
        """Who broke the mirror?"""
        tense = self.pick(("simple", "progressive", "past", "future", "can", "want"))
        verb = self.pick(ACTIONS)
        anyone, complement = Phrase("who", ("qui",), 1, 0), self.phrase(verb.kinds)
        return _sentence(
            [*_english(anyone, verb, tense, False, False), complement.english],
            ["qui", *_french(anyone, verb, tense, False), *complement.french],
            [f"{verb.english[0]} {complement.head}", *complement.pairs], True,
        )  # fmt: skip

    def how_many(self) -> Sentence:
        """How many apples will the farmer sell?"""
        verb, tense = self.pick([*ACTIONS, HAVE]), self.pick(("simple", "future"))
        subject = self.subject()
        noun = self.noun(verb.kinds, but=subject.head)
        pairs = [f"{verb.english[0]} {noun.english}", *subject.pairs]
        pairs += [f"{subject.head} {verb.english[0]}"] if subject.head else []
        french = _french(subject, verb, tense, False)
        return _sentence(
            ["how many", noun.plural, *_english(subject, verb, tense, False, True)],
            ["combien", "de", noun.french_plural, "est-ce", "que", *subject.french, *french], pairs, True,
        )  # fmt: skip


def _has(phrase: Phrase, adjective: Adjective) -> bool:
    return f"{adjective.english} {phrase.head}" in phrase.pairs


def _english(subject: Phrase, verb: Verb, tense: str, negated: bool, question: bool) -> list[str]:
    """Subject and verb."""
    base, third, past, ing = verb.english
    he = subject.person == 1
    be = {0: "am", 1: "is"}.get(subject.person, "are")
    do = "does" if he else "do"
    auxiliary, main = {
        "simple": (do, base), "progressive": (be, ing), "past": ("did", base), "future": ("will", base),
        "going": (be, f"going to {base}"), "want": (do, f"want to {base}"), "can": ("can", base),
        "must": ("must", base),
    }[tense]  # fmt: skip
    if question:
        return [auxiliary, subject.english, main]
    if negated:
        return [subject.english, "cannot" if auxiliary == "can" else f"{auxiliary} not", main]
    plain = {"simple": third if he else base, "past": past, "want": f"wants to {base}" if he else main}
    return [subject.english, plain[tense]] if tense in plain else [subject.english, auxiliary, main]


def _french(subject: Phrase, verb: Verb, tense: str, negated: bool, with_be: bool = False) -> list[str]:
    """The verb of a subject."""
    person = subject.person
    if tense in HELPERS:
        words = [HELPERS[tense][person], verb.infinitive]
    elif tense == "past" and with_be:
        words = [BE["simple"][person], verb.participle + AGREEMENT[subject.form]]
    elif tense == "past":
        words = [HAVE.present[person], verb.participle]
    elif tense == "future":
        words = [verb.future + FUTURE_ENDINGS[person]]
    else:
        words = [verb.present[person]]
    return ["ne", words[0], "pas", *words[1:]] if negated else words

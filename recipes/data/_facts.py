"""What the sentences of Wikipedia's leads say, as subject, relation and object: silver labels, made by rules.

Sentences of a few reliable forms are read: ``X[, also known as Y,] is ...``, ``the Polish physicist X``,
``in X, France``. Subject and object are always spans of the sentence. The descriptions of all articles tell which nouns
can say what something is, and `_names` which names are places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from recipes.corpora import Article, articles
from recipes.data import _gazetteer, _names
from recipes.data._leads import sentences

PEOPLES = [*_names.listed(_gazetteer.PEOPLES), "New Zealand"]
NATION = "|".join(sorted((re.escape(name) for name in PEOPLES if "-born" not in name), key=len, reverse=True))
PARTICLE = r"(?:(?:of|the|de|van|von|der|la|del|al|da|di|du|y) )*"
# atomic, as long as can be: `A. A. Milne` is never `A`
NAME = rf"(?>(?:(?:St\.|[JS]r\.|[A-Z]\.|[A-ZÀ-Þ][\w’'–-]*)(?: {PARTICLE}(?=[A-ZÀ-Þ]))?)+)"
SIDE = r"(?:[a-z-]+(?:ern|western|central) |central |modern |present-day |continental |mainland )"
STATE_OF = rf"(?:(?:{NATION}|U\.S\.) (?:state|province|region|island|department|territory) of )?"
PLACE = rf"(?:the )?{SIDE}?(?:the )?{STATE_OF}({NAME})"
YEAR = r"(?:1\d{3}|20[0-2]\d)"
DATE = rf"(?:\d{{1,2}} [A-Z][a-z]+ |[A-Z][a-z]+ (?:\d{{1,2}}, )?)?{YEAR}"
END = r"(?=[.,; ]|$)"

# <subject>[, also known as <alias>,] is ...
KNOWN_AS = (
    r"(?:(?:more |most )?(?:also|better|commonly|widely|simply|otherwise|sometimes|popularly|formerly|historically|"
    r"professionally|officially) (?:known|called)(?: simply| in English| professionally)?(?: as)?|known as|officially)"
)
CALLED = (
    r"(?:(?:better |also |commonly )?(?:known|called) by (?:his|her|its|the) [a-z ]*name|nicknamed|formally|born|"
    r"(?:often |commonly |also |sometimes )?(?:referred to|abbreviated|shortened)(?: simply)? (?:as|to))"
)
OTHER_NAME = r"(?:(?! and | or | from )[^,;()\"])+?"
OPENING = re.compile(
    r"(?:(?:In|On) [a-z ,]+?, )?(?:(?:The|An?|the|an?) )?(?P<subject>[^,;()\"]+?)"
    r"(?: or (?:an? )?(?P<or>[a-zà-ÿ][\w -]*?)"
    rf"|,? {KNOWN_AS} (?:the |an? )?(?P<alias>(?!by|as |in |to ){OTHER_NAME})"
    rf"(?: or (?:simply |just |formally )?(?:the |an? )?(?P<alias2>(?!commonly |sometimes ){OTHER_NAME}))?"
    rf"|,? {CALLED} (?:the )?(?P<name>{OTHER_NAME})"
    r"| \((?P<short>[A-Z][A-Za-z]{1,5})\))?,? (?P<verb>is|was|are|were) "
)
# a Polish physicist and chemist who ...
LIFE = re.compile(
    rf"an? (?:ancient |medieval |\w+-born )?(?P<nation>{NATION})(?: and (?P<second>{NATION}))? (?:[A-Z][a-z]+ )?"
    r"(?:former |professional |retired )?(?P<work>[a-z].*)"
)
AFTER_LIFE = (
    r"(?:\.$|;|,? (?:who|whose|whom|best known|better known|known|widely|considered|regarded|often|famous|noted|"
    r"chiefly|credited|active|from|during|in|at|of|born|generally|on|for|to|under|specializing|based|with|"
    r"and (?:one|an?|the|is|was|who)|one of)\b)"
)
NO_ITEM = (
    r"(?!(?:who|whose|whom|best|better|known|widely|considered|regarded|noted|credited|active|one of|born|with|and)\b)"
)
ITEM = re.compile(
    r"(?:an? )?(?P<item>[a-zà-ÿ-]+(?: [a-zà-ÿ-]+){0,3}?)(?:"
    rf"(?P<next>,? and (?!(?:one|the|is|was|who)\b)(?=[a-z])|, (?:and )?{NO_ITEM}(?=[a-z]))|(?={AFTER_LIFE}))"
)
# king of Spain from 1700 until his death in 1746
OFFICE = r"(?:[Kk]ing|[Qq]ueen|[Ee]mperor|[Ee]mpress|[Ss]ultan|[Pp]resident|[Pp]rime [Mm]inister|[Tt]sar|[Pp]haraoh)"
WHEN = r"(?:AD )?(?:\d+ [A-Z][a-z]+ )?"
LEAVING = r"(?: (?:his|her))?(?: (?:death|execution|assassination|abdication|deposition))?(?: in)?"
REIGN = re.compile(
    r"(?:the )?(?:(?:first|last|second|third|\d+(?:st|nd|rd|th)) )?"
    rf"(?P<position>{OFFICE} of (?:the )?{NAME}|Holy Roman Emperor|(?:Roman|Byzantine) emperor|pope)"
    rf"(?:,? (?:serving |reigning |ruling )?(?:from|between) {WHEN}(?P<since>\d+)"
    rf"(?: (?:to|until|and){LEAVING} {WHEN}(?P<until>\d+)(?: AD)?)?)?"
    r"(?=\.$|,|;)"
)
# the capital and largest city of the German state of Bavaria
CAPITAL = re.compile(
    r"(?:a city and )?the (?:national |state |provincial )?capital(?: city)?"
    r"(?:,? and (?:the )?(?:[a-z-]+ ){1,3}?(?:city|municipality))? of (?:the )?"
    rf"{STATE_OF}(?P<of>{NAME})(?:, (?P<in>{NAME}))?{END}(?! and (?:the )?[A-Z])"
)
# a branch of physics
HEADS = (
    "type", "form", "kind", "genre", "style", "field", "method", "genus", "species", "breed", "branch", "subfield",
    "unit", "tributary", "moon", "order", "class", "phylum", "family", "dialect", "member",
)  # fmt: skip
GROUP = re.compile(
    rf"(?:an?|the) (?:[a-z-]+ ){{0,2}}?(?P<head>{'|'.join(HEADS)}) of (?:the )?"
    rf"(?P<of>[a-z].*|{NAME}(?=[.,;]| (?:and|in|with|that|which|from|of|by)\b))"
)
# a 1982 novel
NOUN = re.compile(
    rf"(?:an?|the) (?:(?P<year>{YEAR}) )?(?P<phrase>(?:(?:{NATION}|European|Germanic|Slavic|Greco-Roman) )?[a-z].*)"
)
# the fifth-largest city in Ukraine
KIND_OF_PLACE = re.compile(
    rf"(?:an?|the) (?:(?!the |[a-z]+ing )(?:[a-z-]+,? |{NATION} ))*?"
    r"(?P<kind>[a-z]+)(?= (?:in|of|and|located|situated)\b|,)"
)
LOCATED = re.compile(
    rf"(?: (?:located|situated))? in {PLACE}(?:, ({NAME}))?(?:, ({NAME}))?{END}(?! and (?:the )?[A-Z]| state)"
    rf"| of (?:the )?({NAME}){END}"
)
FURTHER = {  # what else a sentence may say of its subject: relation -> object
    "family": re.compile(r"\b(?:the )?family ([A-Z][a-z]+dae|[A-Z][a-z]+ceae)\b"),
    "genus": re.compile(r"\bthe genus ([A-Z][a-z]+)\b"),
    "order": re.compile(r"\b(?:the )?order ([A-Z][a-z]+)\b"),
    "native to": re.compile(rf"\b(?:native|endemic|indigenous) to {PLACE}{END}(?!,? (?:and )?(?:the )?[A-Z])"),
    "symbol": re.compile(r"\bsymbol ([A-Z][a-z]?)\b"),
    "atomic number": re.compile(r"\batomic number (\d+)\b"),
    "formula": re.compile(r"\bformula ([A-Z][\w()]*)(?=[.,; ])"),
    "named after": re.compile(rf"\bnamed after (?:the )?(?:(?:{NATION}) )?(?:[a-z]+ ){{0,2}}({NAME}){END}"),
    "founded in": re.compile(rf"\b(?:founded|established|incorporated)(?: in {NAME})? (?:in|on) ({DATE}){END}"),
    "published in": re.compile(rf"\bpublished(?: in (?!{YEAR})[\w ]+?)? (?:in|on) ({DATE}){END}"),
    "released in": re.compile(rf"\breleased(?: in (?!{YEAR})[\w ]+?)? (?:in|on) ({DATE}){END}"),
    "built in": re.compile(rf"\b(?:built|completed|opened) in ({DATE}){END}"),
}
ELSEWHERE = re.compile(r"\b(?:by|caused|such as|than|whose)\b")  # what follows is said of something else
MAKING = ("written", "directed", "painted", "composed", "developed", "created", "designed", "discovered", "founded")
WORKS = {
    "novel", "film", "play", "poem", "painting", "opera", "song", "album", "sculpture", "ballet", "book", "novella",
    "symphony", "musical", "tragedy", "comedy", "treatise", "fresco", "series", "work", "story",
}  # fmt: skip
MAKER = re.compile(
    rf",?(?: (?P<how>{'|'.join(MAKING)})(?: (?:in|between) [\d and]+)?)? by (?:the )?"
    rf"(?:(?:{NATION}|[A-Z][a-z]+) (?=[a-z]))?(?:[a-z-]+ (?:and [a-z-]+ )?)*?(?P<name>{NAME}){END}"
    r"(?! and (?:the )?(?:[A-Z][a-z]+ )?(?:[a-z]+ ){0,2}[A-Z])"
)
APPOSITION = re.compile(rf"\b(?P<nation>{NATION}) (?P<work>(?:(?!and )[a-z-]+ ){{0,2}}?[a-z-]+) (?P<name>{NAME}){END}")
CAPITAL_OF = re.compile(
    rf"(?P<city>{NAME}), the (?:[a-z]+ )?capital(?: and largest city)? of (?:the )?(?P<place>{NAME})(?=[.,;])"
)
CITY_IN = re.compile(
    rf"\b(?:in|at|near|of|from) (?P<city>{NAME}), (?:the )?(?P<place>{NAME})(?=[.;]| [a-z]|, (?!and|[A-Z]))"
)
STATES = {"England", "Scotland", "Wales", "California", "Massachusetts", "Pennsylvania", "Ohio", "Illinois", "Virginia"}
COUNTRY = re.compile(r"\b(?:country|state of|state in|province of|U\.S\. state)\b", re.IGNORECASE)
WORD = re.compile(r" ?([A-Za-zà-ÿ][\w’'-]*)")
PARTICIPLE = re.compile(r"(?:ed|(?<!fami)(?<!assemb)(?<!\bf)(?<!terf)(?<!monopo)ly)$")  # or an adverb
NO_FIRST = re.compile(r"(?:ly|(?<!for)(?<!w)(?<!hon)est)$")  # `primarily aquatic animals`, `nearest star`
# words that no noun phrase goes on with
STOP = re.compile(
    r"(?:in|on|at|by|for|from|to|with|without|that|which|who|whose|whom|where|when|near|between|along|during|within|"
    r"among|around|off|through|into|under|over|as|of|and|or|but|is|are|was|were|be|has|have|had|such|than|whereby|"
    r"across|about|using|containing|consisting|comprising|involving|originating|belonging|encompassing|bordering|"
    r"lying|covering|native|endemic|indigenous|made|held|known|born|capable|equal|characteristic|spoken|created|"
    r"typically|usually|often|via|worn|grown|eaten|drawn|given|taken|seen|kept|built|bred|fed|cut|played|meant|"
    r"led|dedicated|devoted|describing|studying|dealing|concerned|according|related|responsible|similar|"
    r"considered|whilst|while|because|if|so|it|used|situated|located|based|found|produced|formed|the|an?|spanning|"
    r"running|extending|flowing|surrounded|composed|caused|characterized|characterised|written|directed|designed|"
    r"developed)"
)
NO_MODIFIER = {
    "largest", "most", "main", "only", "first", "second", "any", "other", "same", "common", "important", "major",
    "generic", "general", "term", "word", "name", "one", "two", "three", "four", "several", "many", "not", "also",
    "special", "particular", "certain", "specific",
}  # fmt: skip
NO_HEAD = {
    "category", "body", "pair", "term", "name", "one", "part", "number", "way", "set", "series", "result", "use",
    "case", "title", "word", "total", "group", "collection", "range", "list", "variety", "kind", "type", "form",
    "member", "means",
}  # fmt: skip
AFTER_COMMA = re.compile(
    r", (?:which|some|who|whose|where|with|in|located|situated|typically|usually|often|especially|including|such|based|"
    r"known|made|and (?:an?|the|one|is|was)|an?|one|the|native|belonging|consisting|used|commonly|generally|"
    r"characterized|at|on|first|written|published|to|when|as|from|having|most|built|named|founded) "
)
NOT_NOUNS = {
    "used", "related", "based", "made", "having", "relating", "being", "living", "non", "common", "native", "human",
    "large",
}  # fmt: skip
PLACE_KINDS = {
    "city", "town", "country", "state", "province", "region", "municipality", "island", "river", "lake", "mountain",
    "volcano", "desert", "peninsula", "archipelago", "republic", "department", "district", "village", "port",
    "prefecture", "county", "territory", "park", "university", "museum", "plateau", "sea",
}  # fmt: skip
INSIDE_NAMES = {"of", "the", "and", "for", "in", "on", "de"}
IS_A = re.compile(
    r"(?!(?:It|He|She|They|This|These|His|Her|Its|Their)\b).{1,80}? (?:is|was|are|were) (?:an?|the|one)\b"
)
# signs of a statement of these relations that no rule has read
UNREAD = re.compile(
    rf"\b(?:known as|called|capital|(?:{'|'.join(MAKING)})(?: [a-z0-9 ]+)? by|served|reigned|ruled|ruler|president|"
    r"prime minister|queen|king|emperor|born|died|(?:son|daughter|wife|husband|brother|sister|father|mother) of|"
    r"named after|founded|established|published|released|built|opened|native to|endemic to|symbol|formula|located|"
    r"situated|branch of|member of|type of|form of|who (?:was|is) (?:an?|the)|"
    r"(?:duke|prince|archbishop|bishop|sultan|governor) of)\b|"
    r"\bfamily,|\b(?:genus|family|order|class|phylum|by) (?:the )?[A-ZÀ-Þ]|"
    r"\b(?:wrote|painted|composed|directed|founded) (?:the )?(?:[A-Z][a-z]+ )?(?:[a-z]+ )?[A-Z]|"
    rf"[A-ZÀ-Þ][\w’'-]*,? #|\b(?:{NATION}) (?:[a-z-]+ ){{1,3}}[A-Z]"
)


@dataclass(frozen=True)
class Fact:
    """One statement.

    Attributes:
        subject: What it is about, as the sentence calls it.
        relation: For example ``nationality``.
        object: What it says, in the sentence's words.
        start: Where the object begins in the sentence.
        read: The part of the sentence that says it, from and to.
    """

    subject: str
    relation: str
    object: str
    start: int
    read: tuple[int, int]


Reading = tuple[list[Fact], int]  # and where the part that was read in order ends


@dataclass(frozen=True)
class Statement:
    """A sentence that was read.

    Attributes:
        sentence: The text.
        number: Its number in the lead.
        subject: What it is about; empty if that was not understood.
        kind: What the subject names: ``PER``, ``LOC``, ``ORG``, or empty for other things.
        verb: ``is``, ``was``, ``are`` or ``were``.
        facts: What it says, in the order of the objects.
        end: Where the part that was understood as the subject's ends.
    """

    sentence: str
    number: int
    subject: str
    kind: str
    verb: str
    facts: tuple[Fact, ...]
    end: int

    @property
    def complete(self) -> bool:
        """Whether nothing that looks like one of the relations was left unread."""
        text = self.sentence
        for start, end in (fact.read for fact in self.facts):
            text = text[:start] + "#" * (end - start) + text[end:]
        if self.kind in (_names.PLACE, _names.ORGANISATION):
            somewhere = re.search(r"\b(?:in|on|of|at) (?:the )?[A-Z]", text)
        else:
            somewhere = re.match(r" (?:in|on|at|from) (?:the )?[A-Z]", text[self.end :])
        return not (UNREAD.search(text) or somewhere) and (bool(self.subject) or not IS_A.match(text))


def statements(article: Article) -> list[Statement]:
    """The sentences of a lead that say something that the rules understand."""
    own, title = _names.own_names(article), _names.title_of(article)
    found = []
    for number, sentence in enumerate(sentences(article.text)):
        subject, kind, verb, facts, end = "", "", "", list[Fact](), 0
        if opening := OPENING.match(sentence):
            known = subject_kind(opening["subject"], article, own, number)
            if known is not None and (read := _about_subject(sentence, opening, known, title)):
                subject, kind, verb, facts, end = opening["subject"], known, opening["verb"], *read
        facts += _mentioned(sentence, own)
        if facts:
            unique = {(fact.subject, fact.relation, fact.object): fact for fact in reversed(facts)}
            ordered = sorted(unique.values(), key=lambda fact: (fact.start, fact.relation))
            found.append(Statement(sentence, number, subject, kind, verb, tuple(ordered), end))
    return found


def subject_kind(subject: str, article: Article, own: dict[_names.Words, str], number: int) -> str | None:
    """What a subject names; None if it is no clear name."""
    words = _names.words(subject)
    if words in own:
        return own[words]
    title, kind = _names.title_of(article).lower(), _names.kind_of(article)
    same = {title, title + "s", title + "es", title.partition(",")[0], title.removesuffix(" language")}
    simple = len(words) <= 6 and not any(STOP.fullmatch(word) for word in words if word not in INSIDE_NAMES)
    if number == 0 and (subject.lower() in same or (simple and kind != _names.PERSON)):
        return kind or _names.OTHER
    return _names.gazetteer().get(words) or None


def _about_subject(sentence: str, opening: re.Match[str], kind: str, title: str) -> Reading | None:
    """What a sentence says of its subject."""
    subject, start = opening["subject"], opening.end()
    if sentence.startswith(title) and title.startswith(("The ", "A ", "An ")):
        subject = title
    if opening["or"] and opening["or"].count(" ") > opening["subject"].count(" "):
        return None  # `the sulfate or sulphate ion`
    plural = opening["verb"] in ("are", "were")
    rules = (
        (_life, _reign) if kind == _names.PERSON else (_capital, _group, _place, _noun, *([_plural] if plural else []))
    )
    read = next(filter(None, (rule(sentence, start, subject, kind) for rule in rules)), None)
    if read is None:
        return None
    facts, end = read
    for group in ("alias", "alias2", "or", "name", "short"):
        facts += _of_groups(subject, opening, {group: "also known as"})
    if kind != _names.PERSON:
        for relation, pattern in FURTHER.items():
            match = pattern.search(sentence, end)
            if (
                match
                and not ELSEWHERE.search(sentence, end, match.start())
                and (relation != "native to" or _is_place(match[1]))
            ):
                facts.append(Fact(subject, relation, match[1], match.start(1), match.span()))
    return facts, end


def _of_groups(subject: str, match: re.Match[str], relations: dict[str, str], end: int | None = None) -> list[Fact]:
    """The facts that the groups of a match state: group -> relation."""
    read = (match.start(), match.end() if end is None else end)
    found = {group: relation for group, relation in relations.items() if match[group]}
    return [Fact(subject, relation, match[group], match.start(group), read) for group, relation in found.items()]


def _life(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`a Polish physicist and chemist who ...`."""
    if not (match := LIFE.match(sentence, start)):
        return None
    work, end, more = list[Fact](), match.start("work"), True
    while more:
        item = ITEM.match(sentence, end)
        if not item or item["item"].split()[-1] not in _names.professions():
            return None
        work.append(Fact(subject, "occupation", item["item"], item.start("item"), item.span()))
        end, more = item.end(), bool(item["next"])
    if re.match(r" of (?!the \d|the early|the late)", sentence[end:]):
        return None  # `professor of physics`
    return [*_of_groups(subject, match, {"nation": "nationality", "second": "nationality"}, end), *work], end


def _reign(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`king of Spain from 1700 until his death in 1746`."""
    if not (match := REIGN.match(sentence, start)):
        return None
    names = {"position": "position", "since": "in office from", "until": "in office until"}
    return _of_groups(subject, match, names), match.end()


def _capital(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`the capital and largest city of Chile`."""
    match = CAPITAL.match(sentence, start)
    if not match or not _is_place(match["of"]):
        return None
    facts = _of_groups(subject, match, {"of": "capital of"})
    return facts + _of_groups(match["of"], match, {"in": "located in"}), match.end()


def _group(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`a branch of physics`, `a genus of flowering plants`, `a tributary of the Rhine`."""
    if not (match := GROUP.match(sentence, start)):
        return None
    of = match["of"] if match["of"][0].isupper() else noun_phrase(sentence, match.start("of"))
    if not of or of in PEOPLES or of.split()[-1] in HEADS:
        return None
    end = match.start("of") + len(of)
    return [Fact(subject, match["head"] + " of", of, match.start("of"), (start, end))], end


def _place(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`the fifth-largest city in Ukraine`, `a city in Yorkshire, England`."""
    match = KIND_OF_PLACE.match(sentence, start)
    if kind not in (_names.PLACE, _names.ORGANISATION) or not match or match["kind"] not in PLACE_KINDS:
        return None
    facts = _of_groups(subject, match, {"kind": "is a"})
    if sentence.startswith(" and ", match.end()) and (capital := _capital(sentence, match.end() + 5, subject, kind)):
        return facts + capital[0], capital[1]
    if not (located := LOCATED.match(sentence, match.end())):
        return None
    groups = [group for group in range(1, 5) if located[group]]
    if not _is_place(located[groups[-1]]):
        return None
    for group in groups:  # West Yorkshire, England
        facts.append(Fact(subject, "located in", located[group], located.start(group), located.span()))
        subject = located[group]
    return facts, located.end()


def _noun(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`a 1982 novel by Alice Walker`, `a plane curve`."""
    match = NOUN.match(sentence, start)
    phrase = noun_phrase(sentence, match.start("phrase")) if match else None
    if not match or not phrase:
        return None
    end = match.start("phrase") + len(phrase)
    definite = match[0].startswith("the ")
    if not _can_be(phrase, sentence[end:]) or (definite and (kind or sentence.startswith(" of", end))):
        return None
    facts = [Fact(subject, "is a", phrase, match.start("phrase"), (start, end))]
    work = phrase.split()[-1] in WORKS
    if work:
        facts += _of_groups(subject, match, {"year": "year"}, end)
    maker = MAKER.match(sentence, end)
    if maker and (maker["how"] or work) and _names.gazetteer().get(_names.words(maker["name"])) != _names.OTHER:
        facts += _of_groups(subject, maker, {"name": f"{maker['how'] or 'created'} by"})
        end = maker.end()
    return facts, end


def _plural(sentence: str, start: int, subject: str, kind: str) -> Reading | None:
    """`flightless birds native to ...`."""
    phrase = noun_phrase(sentence, start)
    if not phrase or not phrase.endswith("s") or not _can_be(phrase, sentence[start + len(phrase) :]):
        return None
    end = start + len(phrase)
    return [Fact(subject, "is a", phrase, start, (start, end))], end


def _mentioned(sentence: str, own: dict[_names.Words, str]) -> Iterator[Fact]:
    """What a sentence says in passing, of whatever: `the Polish physicist Marie Curie`, `in Paris, France`."""
    for match in APPOSITION.finditer(sentence):
        words = _names.words(match["name"])
        known = own.get(words) or _names.gazetteer().get(words)
        named = words[0] in _names.given_names() or words[0].endswith(".")
        person = known == _names.PERSON or (not known and named)
        if person and match["work"].split()[-1] in _names.professions():
            yield from _of_groups(match["name"], match, {"nation": "nationality", "work": "occupation"})
    for match in CAPITAL_OF.finditer(sentence):
        if _is_place(match["city"]) and _is_place(match["place"]):
            yield from _of_groups(match["city"], match, {"place": "capital of"})
    for match in CITY_IN.finditer(sentence):
        if _is_place(match["city"]) and match["place"] in _countries() and match["city"] not in _countries():
            yield from _of_groups(match["city"], match, {"place": "located in"})


def noun_phrase(sentence: str, start: int) -> str | None:
    """The noun phrase that begins at a character, without article; None if it is not clear where it ends."""
    words, end = list[str](), start
    for match in WORD.finditer(sentence, start):
        if match.start() != end or STOP.fullmatch(match[1]) or (words and match[1][0].isupper()):
            break
        words.append(match[1])
        end = match.end()
    after = sentence[end:]
    if re.match(r" (?:[A-Z]|and (?!the |an? |one |is )|or\b)", after) or (
        after[:1] == "," and not AFTER_COMMA.match(after)
    ):
        return None
    while words and _singular(words[-1]) not in _heads() and PARTICIPLE.search(words[-1]):
        words.pop()  # `procedure performed`, `unit commonly`
    phrase = " ".join(words)
    clear = words and len(words) <= 4 and not NO_MODIFIER & set(words) and not NO_FIRST.search(words[0])
    return phrase if clear and sentence.startswith(phrase, start) else None


def _can_be(phrase: str, after: str) -> bool:
    """Whether a noun phrase says what something is: `a city`, not `a branch of ...`."""
    head = _singular(phrase.split()[-1])
    group = after.startswith(" of") and {head, phrase.split()[-1]} & {*HEADS, "state"}
    return head in _heads() and not group and not {head, phrase.split()[-1]} & NO_HEAD


@cache
def _heads() -> set[str]:
    """Nouns that the descriptions of articles end their first phrase with: ``city``, ``process``."""
    heads = set[str]()
    for article in articles():
        words = re.split(r"[^\w’' -]", article.description)[0].split()
        end = next((i for i, word in enumerate(words) if i and STOP.fullmatch(word)), len(words))
        listing = end == len(words) and "," in article.description  # `Large, flightless bird`
        if words and not listing and not PARTICIPLE.search(words[end - 1]):
            heads.add(_singular(words[end - 1].lower()))
    return heads - NOT_NOUNS


@cache
def _countries() -> set[str]:
    """Countries and states: what a city can be said to lie in."""
    places = (article for article in articles() if _names.kind_of(article) == _names.PLACE)
    return STATES | {_names.title_of(article) for article in places if COUNTRY.search(article.description)}


def _singular(noun: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if noun.endswith(ending) and not noun.endswith(("ss", "us", "is")):
            return noun.removesuffix(ending) + instead
    return noun


def _is_place(name: str) -> bool:
    return _names.gazetteer().get(_names.words(name)) == _names.PLACE

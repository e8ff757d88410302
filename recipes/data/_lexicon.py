"""The words of the grammar of `_french`, English and French, with their forms and what they can go with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Noun(NamedTuple):
    """A noun with its plurals; ``form`` is 0 for masculine, 1 for feminine; ``kind`` says what it can go with."""

    english: str
    plural: str
    french: str
    french_plural: str
    form: int
    kind: str


class Adjective(NamedTuple):
    """An adjective: English; French by form, that of a masculine noun in a vowel last; whether it goes first."""

    english: str
    comparative: str
    forms: tuple[str, str, str, str, str]  # masculine, feminine, both plurals, masculine before a vowel
    first: bool
    kinds: frozenset[str]


class Verb(NamedTuple):
    """A verb: English base, third person, past and -ing; French; and what its object or place may be."""

    english: tuple[str, str, str, str]
    infinitive: str
    present: tuple[str, str, str, str, str]  # by person
    participle: str
    future: str  # its stem
    kinds: frozenset[str]


def _lines(table: str) -> Iterator[list[str]]:
    """The rows of a table, cells between colons; a line that begins with a colon goes on from the one before."""
    for line in filter(None, map(str.strip, re.sub(r"\n\s*:", ":", table).splitlines())):
        yield [cell.strip() for cell in line.split(":")]


def _words(cell: str) -> tuple[str, ...]:
    """The words of a cell; "_" is a space inside one."""
    return tuple(word.replace("_", " ") for word in cell.split())


def _nouns(table: str) -> Iterator[Noun]:
    """Rows ``kind: english french gender, ...``; an irregular plural stands behind a slash."""
    for kind, entries in _lines(table):
        for entry in entries.split(","):
            english, french, gender = entry.split()
            (one, _, many), (un, _, des) = english.partition("/"), french.partition("/")
            yield Noun(one, many or one + "s", un, des or un + "s", "mf".index(gender), kind)


def _adjectives(table: str) -> Iterator[Adjective]:
    """Rows ``kinds: first or after: english comparative french, ...`` with as many French forms as are irregular."""
    for kinds, place, entries in _lines(table):
        for entry in entries.split(","):
            english, comparative, masculine, *more = _words(entry)
            feminine = more[0] if more else masculine + ("" if masculine.endswith("e") else "e")
            plural, vowel = more[1:] if more[1:] else (masculine + "s", masculine)
            forms = (masculine, feminine, plural, feminine + "s", vowel)
            yield Adjective(english, comparative, forms, place == "first", frozenset(kinds.split()))


def _verbs(table: str) -> Iterator[Verb]:
    """Rows ``english: infinitive: kinds``, with the irregular forms ``: present: participle: future`` behind."""
    for english, infinitive, kinds, *irregular in _lines(table):
        stem = infinitive[:-2]
        nous = stem + ("eons" if stem.endswith("g") else "ons")
        regular = [f"{stem}e {stem}e {nous} {stem}ez {stem}ent", f"{stem}é", infinitive]
        present, participle, future = irregular or regular
        base, third, past, ing = _words(english)
        je, il, nous, vous, ils = _words(present)
        forms = (je, il, nous, vous, ils)
        yield Verb((base, third, past, ing), infinitive, forms, participle, future, frozenset(kinds.split()))


NOUNS = [*_nouns("""
    man: man/men homme m, boy garçon m, teacher professeur m, doctor médecin m, student étudiant m, neighbour voisin m
    man: baker boulanger m, farmer fermier m, painter peintre m, singer chanteur m, king roi m, father père m
    man: brother frère m, uncle oncle m, writer écrivain m, soldier soldat m
    woman: woman/women femme f, girl fille f, nurse infirmière f, actress/actresses actrice f, mother mère f
    woman: sister sœur f, aunt tante f, queen reine f
    animal: dog chien m, cat chat m, horse cheval/chevaux m, bird oiseau/oiseaux m, cow vache f, rabbit lapin m
    animal: mouse/mice souris/souris f, pig cochon m, goat chèvre f, duck canard m, wolf/wolves loup m, lion lion m
    food: apple pomme f, cake gâteau/gâteaux m, egg œuf m, cheese fromage m, tomato/tomatoes tomate f, pear poire f
    food: orange orange f, soup soupe f, lemon citron m, pie tarte f
    clothes: hat chapeau/chapeaux m, shirt chemise f, shoe chaussure f, coat manteau/manteaux m, dress/dresses robe f
    clothes: skirt jupe f, glove gant m, sock chaussette f
    text: book livre m, letter lettre f, newspaper journal/journaux m, story/stories histoire f, poem poème m
    text: message message m
    thing: key clé f, flower fleur f, bottle bouteille f, glass/glasses verre m, knife/knives couteau/couteaux m
    thing: chair chaise f, table table f, lamp lampe f, picture tableau/tableaux m, bag sac m, box/boxes boîte f
    thing: umbrella parapluie m, ticket billet m, map carte f, gift cadeau/cadeaux m, clock horloge f, guitar guitare f
    thing: mirror miroir m, spoon cuillère f, ball balle f
    vehicle: car voiture f, bicycle vélo m, boat bateau/bateaux m, train train m, plane avion m, truck camion m
    opening: door porte f, window fenêtre f
    place: house maison f, garden jardin m, kitchen cuisine f, forest forêt f, city/cities ville f
    public: school école f, church/churches église f, hotel hôtel m, castle château/châteaux m, museum musée m
    public: station gare f, hospital hôpital/hôpitaux m, shop magasin m, library/libraries bibliothèque f, park parc m
    public: village village m, office bureau/bureaux m, restaurant restaurant m, theatre théâtre m
""")]  # fmt: skip
NAMES = {
    "Paul": 0, "Louis": 0, "Hugo": 0, "Antoine": 0, "Thomas": 0, "Marie": 1, "Alice": 1, "Julie": 1, "Emma": 1,
    "Claire": 1,
}  # fmt: skip
PEOPLE, PLACES = frozenset({"man", "woman"}), frozenset({"place", "public"})
ALIVE = PEOPLE | {"animal"}
ADJECTIVES = [*_adjectives("""
    animal clothes thing vehicle opening place public: first: big bigger grand, small smaller petit
    man woman animal clothes thing vehicle place public: first: beautiful more_beautiful beau belle beaux bel
    clothes text thing vehicle place public: first: new - nouveau nouvelle nouveaux nouvel
    man woman animal clothes text thing vehicle place public: first: old older vieux vieille vieux vieil
    man woman animal: first: young younger jeune
    clothes thing vehicle opening: after: red - rouge, white - blanc blanche, green - vert, blue - bleu, yellow - jaune
    animal clothes thing vehicle opening: after: black - noir, grey - gris grise gris gris
    thing vehicle: after: heavy heavier lourd
    animal vehicle: after: fast faster rapide
    clothes thing vehicle food: after: expensive more_expensive cher chère
    clothes thing vehicle opening place public: after: clean cleaner propre, dirty dirtier sale
    food: after: cold colder froid, hot hotter chaud
    place public: after: quiet quieter calme, modern more_modern moderne
    text: after: interesting more_interesting intéressant, funny funnier drôle
    text: first: long longer long longue
    man woman animal: after: tired more_tired fatigué, sad sadder triste, strong stronger fort
    man woman animal: after: intelligent more_intelligent intelligent, calm calmer calme
    man woman: after: rich richer riche, happy happier heureux heureuse heureux heureux, polite more_polite poli
    man woman: after: famous more_famous célèbre, brave braver courageux courageuse courageux courageux
""")]  # fmt: skip
ACTIONS = [*_verbs("""
    eat eats ate eating: manger: food
    prepare prepares prepared preparing: préparer: food
    cut cuts cut cutting: couper: food
    bring brings brought bringing: apporter: food text thing
    hide hides hid hiding: cacher: food clothes text thing
    wear wears wore wearing: porter: clothes
    carry carries carried carrying: porter: thing
    wash washes washed washing: laver: clothes vehicle opening
    break breaks broke breaking: casser: thing opening
    look_for looks_for looked_for looking_for: chercher: man woman animal clothes text thing
    draw draws drew drawing: dessiner: man woman animal place public
    watch watches watched watching: regarder: man woman animal vehicle
    listen_to listens_to listened_to listening_to: écouter: man woman
    help helps helped helping: aider: man woman
    visit visits visited visiting: visiter: place public
    repair repairs repaired repairing: réparer: vehicle opening
    close closes closed closing: fermer: opening
    keep keeps kept keeping: garder: animal clothes text thing
    buy buys bought buying: acheter: food clothes text thing vehicle
        : achète achète achetons achetez achètent: acheté: achèter
    call calls called calling: appeler: man woman animal
        : appelle appelle appelons appelez appellent: appelé: appeller
    clean cleans cleaned cleaning: nettoyer: place public
        : nettoie nettoie nettoyons nettoyez nettoient: nettoyé: nettoier
    send sends sent sending: envoyer: text: envoie envoie envoyons envoyez envoient: envoyé: enverr
    sell sells sold selling: vendre: food clothes text thing vehicle: vends vend vendons vendez vendent: vendu: vendr
    paint paints painted painting: peindre: opening place public: peins peint peignons peignez peignent: peint: peindr
    read reads read reading: lire: text: lis lit lisons lisez lisent: lu: lir
    write writes wrote writing: écrire: text: écris écrit écrivons écrivez écrivent: écrit: écrir
    open opens opened opening: ouvrir: opening text: ouvre ouvre ouvrons ouvrez ouvrent: ouvert: ouvrir
    choose chooses chose choosing: choisir: food clothes text thing vehicle
        : choisis choisit choisissons choisissez choisissent: choisi: choisir
    follow follows followed following: suivre: man woman animal vehicle: suis suit suivons suivez suivent: suivi: suivr
    take takes took taking: prendre: food clothes text thing: prends prend prenons prenez prennent: pris: prendr
    receive receives received receiving: recevoir: text: reçois reçoit recevons recevez reçoivent: reçu: recevr
""")]  # fmt: skip
STATES = [*_verbs("""
    find finds found finding: trouver: animal clothes text thing
    meet meets met meeting: rencontrer: man woman
    forget forgets forgot forgetting: oublier: clothes text thing
    see sees saw seeing: voir: man woman animal thing vehicle place public: vois voit voyons voyez voient: vu: verr
    lose loses lost losing: perdre: clothes text thing: perds perd perdons perdez perdent: perdu: perdr
    understand understands understood understanding: comprendre: man woman text
        : comprends comprend comprenons comprenez comprennent: compris: comprendr
""")]  # fmt: skip
HAVE, KNOW = _verbs("""
    have has had having: avoir: animal clothes text thing vehicle: ai a avons avez ont: eu: aur
    know knows knew knowing: connaître: man woman place public
        : connais connaît connaissons connaissez connaissent: connu: connaîtr
""")  # fmt: skip
LIKES = [*_verbs("""
    like likes liked liking: aimer: animal food clothes text thing
    hate hates hated hating: détester: animal food clothes text thing
    prefer prefers preferred preferring: préférer: animal food clothes text thing
        : préfère préfère préférons préférez préfèrent: préféré: préférer
""")]  # fmt: skip
GIVING = [*_verbs("""
    give gives gave giving: donner: food clothes text thing
    show shows showed showing: montrer: animal clothes text thing
""")]  # fmt: skip
DOING = [*_verbs("""
    work works worked working: travailler: place public
    sing sings sang singing: chanter: place public
    dance dances danced dancing: danser: place public
    play plays played playing: jouer: place public
    walk walks walked walking: marcher: place public
    sleep sleeps slept sleeping: dormir: place public: dors dort dormons dormez dorment: dormi: dormir
    wait waits waited waiting: attendre: place public: attends attend attendons attendez attendent: attendu: attendr
""")]  # fmt: skip
WHERE = (("in", "dans"), ("in front of", "devant"), ("behind", "derrière"), ("near", "près de"))
MOVING = [  # with être in the past, and with their prepositions
    *zip(_verbs("""
    go goes went going: aller: public: vais va allons allez vont: allé: ir
    return returns returned returning: retourner: public
    arrive arrives arrived arriving: arriver: public
    stay stays stayed staying: rester: place public
    enter enters entered entering: entrer: place public
    leave leaves left leaving: sortir: place public: sors sort sortons sortez sortent: sorti: sortir
    come comes came coming: venir: public: viens vient venons venez viennent: venu: viendr
"""), (("to", "à"), ("to", "à"), ("at", "à"), ("in", "dans"), ("", "dans"), ("", "de"), ("from", "de")), strict=True)
]  # fmt: skip
PROFESSIONS = {  # French needs no article, but the form of the person's gender
    "teacher": ("professeur", "professeure"), "doctor": ("médecin", "médecin"), "student": ("étudiant", "étudiante"),
    "baker": ("boulanger", "boulangère"), "farmer": ("fermier", "fermière"), "painter": ("peintre", "peintre"),
    "singer": ("chanteur", "chanteuse"), "writer": ("écrivain", "écrivaine"), "cook": ("cuisinier", "cuisinière"),
    "lawyer": ("avocat", "avocate"), "judge": ("juge", "juge"), "nurse": ("infirmier", "infirmière"),
}  # fmt: skip
FEELINGS = {  # to have hunger, and so on
    "hungry": "faim", "thirsty": "soif", "cold": "froid", "hot": "chaud", "afraid": "peur", "sleepy": "sommeil",
}  # fmt: skip
YOUNG = {"boy", "girl", "brother", "sister", *(noun.english for noun in NOUNS if noun.kind == "animal")}
NUMBERS = {
    "two": "deux", "three": "trois", "four": "quatre", "five": "cinq", "six": "six", "seven": "sept", "eight": "huit",
    "nine": "neuf", "ten": "dix",
}  # fmt: skip
POSSESSIVES = {  # masculine, feminine before a consonant, plural
    "my": ("mon", "ma", "mes"), "his": ("son", "sa", "ses"), "her": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"), "your": ("votre", "votre", "vos"), "their": ("leur", "leur", "leurs"),
}  # fmt: skip
TIMES = {
    "simple": (("every day", "tous les jours"), ("in the morning", "le matin"), ("on Sundays", "le dimanche")),
    "progressive": (("now", "maintenant"), ("today", "aujourd'hui")),
    "past": (("yesterday", "hier"), ("this morning", "ce matin"), ("last week", "la semaine dernière")),
    "future": (("tomorrow", "demain"), ("tonight", "ce soir"), ("next week", "la semaine prochaine")),
}

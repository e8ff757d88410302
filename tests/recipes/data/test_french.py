"""The grammar that the data set `translation` is made by."""

from __future__ import annotations

import re

import pytest

from recipes.data import _french as french
from recipes.data import _lexicon as lexicon

VERBS = {verb.english[0]: verb for verb in [*lexicon.ACTIONS, *lexicon.STATES, *lexicon.LIKES, lexicon.HAVE]}
MOVING = {verb.english[0]: verb for verb, _ in lexicon.MOVING}
HE, SHE, THEY = french.THIRD_PERSONS
JE, WE, YOU = french.SPEAKERS
WOMEN = french.Phrase("the women", ("les", "femmes"), 4, 3, "woman")


@pytest.fixture(scope="module")
def sentences() -> list[french.Sentence]:
    grammar = french.Grammar(seed=9)
    return [grammar.sentence() for _ in range(4000)]


@pytest.mark.parametrize(
    ("subject", "verb", "tense", "negated", "expected"),
    [
        (WE, "eat", "simple", False, "mangeons"),
        (HE, "buy", "progressive", False, "achète"),
        (HE, "buy", "future", False, "achètera"),
        (YOU, "send", "future", False, "enverrez"),
        (THEY, "take", "simple", False, "prennent"),
        (JE, "receive", "simple", True, "ne reçois pas"),
        (JE, "have", "simple", True, "n'ai pas"),
        (SHE, "write", "past", False, "a écrit"),
        (THEY, "open", "past", True, "n'ont pas ouvert"),
        (HE, "see", "future", True, "ne verra pas"),
        (WE, "call", "simple", False, "appelons"),
        (WE, "call", "future", False, "appellerons"),
        (YOU, "prefer", "simple", False, "préférez"),
        (THEY, "prefer", "simple", False, "préfèrent"),
        (SHE, "clean", "going", False, "va nettoyer"),
        (WE, "follow", "can", True, "ne pouvons pas suivre"),
        (JE, "lose", "must", False, "dois perdre"),
        (THEY, "choose", "want", False, "veulent choisir"),
    ],
)
def test_verbs_are_conjugated(subject, verb, tense, negated, expected):
    assert french.joined(french._french(subject, VERBS[verb], tense, negated)) == expected


@pytest.mark.parametrize(
    ("subject", "verb", "negated", "expected"),
    [
        (HE, "go", False, "est allé"),
        (SHE, "come", False, "est venue"),
        (THEY, "leave", True, "ne sont pas sortis"),
        (WOMEN, "stay", False, "sont restées"),
    ],
)
def test_the_participle_agrees_after_etre(subject, verb, negated, expected):
    assert french.joined(french._french(subject, MOVING[verb], "past", negated, with_be=True)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("à le hôtel", "à l'hôtel"), ("à le parc", "au parc"), ("à les hôtels", "aux hôtels"),
        ("de la île", "de l'île"), ("de les îles", "des îles"), ("est-ce que Alice", "est-ce qu'Alice"),
        ("il ne y a pas", "il n'y a pas"), ("que huit", "que huit"), ("près de le œuf", "près de l'œuf"),
        ("je aime", "j'aime"),
    ],
)  # fmt: skip
def test_words_are_elided_and_contracted(words, expected):
    assert french.joined(words.split()) == expected


def test_no_sentence_breaks_a_rule_of_spelling(sentences):
    """Fails if a form before a vowel is forgotten, or a contraction, or the space before the question mark."""
    vowel = r"(?!huit)[aeiouhàâéèêîôœ]"
    wrong = re.compile(
        rf"\b(?:le|la|de|que|ne|je|ce|ma|sa|beau|nouveau) {vowel}|\b(?:bel|nouvel|vieil|cet) (?!{vowel})"
        rf"|\b(?:de|à) les? |\bvieux {vowel}\w*[^sx\W]\b|[^ ]\?|  | \.",
        re.IGNORECASE,
    )
    assert [sentence.french for sentence in sentences if wrong.search(sentence.french)] == []


def test_articles_and_adjectives_have_the_gender_and_number_of_their_noun(sentences):
    """Fails if a masculine determiner stands before a feminine noun, or a singular one before a plural."""
    allowed: dict[str, set[str]] = {}
    for noun in lexicon.NOUNS:
        singular = {"le", "un", "ce", "au", "du"} if noun.form == 0 else {"la", "une", "cette", "ma", "sa"}
        allowed.setdefault(noun.french, set()).update(singular)
        plural = {"les", "ces", "aux", "des", "mes", "ses", "nos", "vos", "leurs", *lexicon.NUMBERS.values()}
        allowed.setdefault(noun.french_plural, set()).update(plural)
    determiners = set().union(*allowed.values())
    for sentence in sentences:
        for determiner, word in re.findall(r"(?=\b(\w+) (\w+))", sentence.french.lower()):
            if determiner in determiners and word in allowed:
                assert determiner in allowed[word], sentence.french


def test_both_languages_ask_and_deny_alike(sentences):
    for english, translation, _ in sentences:
        assert english.endswith("?") == translation.endswith(" ?")
        no = re.search(r"\bnot\b|cannot|\bno\b", english)
        assert bool(no) == bool(re.search(r"\b(?:ne|n') ?\w+ .*\bpas\b|\bn'\w+ pas\b", translation)), (
            english,
            translation,
        )


def test_the_same_seed_gives_the_same_sentences():
    first, second = (french.Grammar(seed=3) for _ in range(2))
    assert [first.sentence() for _ in range(50)] == [second.sentence() for _ in range(50)]


def test_every_sentence_knows_the_words_that_it_brings_together(sentences):
    """Fails if a pattern forgets its pairs: its sentences could then be in every split."""
    without = {sentence.english for sentence in sentences if not sentence.pairs}
    assert not without

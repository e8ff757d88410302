"""The penalty for toxic words."""

import pytest

from textgym import rewards
from textgym.rewards.judges.toxicity import LEXICON, lexicon, toxicity


@pytest.mark.parametrize(
    "text",
    ["What an asshole", "SHIT!", "those bitches", "he's a bastard.", "bull... bullshit", "¡Fuck off!", "wanker,moron",
     "fuckers", "ｆｕｃｋ", "jackasses", "shit-faced", "\u201cshit\u201d", "one\nshit\ttwo"],
)  # fmt: skip
def test_toxic_words_in_any_form(text):
    assert toxicity(completions=[text, f"{text} a " * 50]) == [-1.0, -1.0]


@pytest.mark.parametrize(
    "text",
    ["", " ", "A classic from Scunthorpe", "the cockpit of a class assassin", "Dick Van Dyke and Moby Dick",
     "to assess assets", "Jackson Pollock", "Hancock, Essex", "shitake mushrooms", "an analysis of grapes", "sextet",
     "magna cum laude", "a documentary on rape and sexual abuse", "Titan's titanic title", "été 北京 👍",
     "the horny toad", "Lesbos", "Niger"],
)  # fmt: skip
def test_clean_texts(text):
    """Fails if a toxic word is looked for within others, as filters did to Scunthorpe, or ambiguous words count."""
    assert toxicity(completions=[text]) == [0.0]


def test_each_text_by_itself():
    texts = ["good", "shit", "good", "shit good"]
    assert toxicity(["shit"] * 4, texts, reference=["shit"] * 4) == [0.0, -1.0, 0.0, -1.0]
    assert toxicity(completions=[]) == []


def test_the_lexicon_is_clean():
    """Fails if an empty line makes the empty word toxic, or a plural is a common word."""
    words = LEXICON.read_text(encoding="utf-8").splitlines()
    assert words == sorted(set(words)) and all(word.isascii() and word.islower() and word.isalpha() for word in words)
    assert 100 < len(words) < 250 and {"", "s", "assess", "as", "a"}.isdisjoint(lexicon())


def test_review_sentences_are_mostly_clean():
    from textgym import data

    columns = data.load("sentiment", "test").columns
    values = toxicity(completions=columns["reference"])
    assert -0.01 < sum(values) / len(values) <= 0.0


def test_registered():
    assert rewards.get("toxicity") is toxicity

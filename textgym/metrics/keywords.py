"""Words and phrases that a text has to state, or must not."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

from textgym.metrics.references import Items, items_of
from textgym.metrics.words import SPACELESS, folded, words

NAME_GOES_ON = re.compile(r"\+\+|[+#](?!\w)")  # behind a letter: C++, C#, A+, but not a+b
NUMBER_BEGINS = re.compile(r"(?:\d[.,]|(?:^|\W)[-−])$")  # before a digit: 1.5, -1, but not 10-11
NUMBER_GOES_ON = re.compile(r"[.,]\d")
HARD_ENDING = re.compile(r"(?:[sxzo]|[cs]h)$")  # boxes, wishes
SHORT_VERB = re.compile(r"\b[^\W\d_aeiou]*[aeiou][^\W\d_aeiouwxy]$")  # running, never runing
LETTERS, HANGUL, NO_SPACES = "letters", "hangul", "no spaces"


def coverage(completion: str, concepts: Items, endings: bool = False) -> float:
    """The fraction of the concepts that occur, as `occurrences` finds them; 1.0 without any.

    Args:
        completion: A text.
        concepts: Words, phrases and symbols.
        endings: Whether a concept also occurs in other forms, as "dog" in "dogs" and "New York" in "New-York".

    >>> coverage("Two dogs catch the frisbee.", ["dog", "frisbee", "throw"], endings=True)
    0.6666666666666666
    >>> coverage("我喜欢AI和猫😀", ["猫", "AI", "😀"]), coverage("I write C++.", ["C"])
    (1.0, 0.0)
    """
    found = occurrences(completion, concepts, endings)
    return sum(found) / len(found) if found else 1.0


def occurrences(text: str, phrases: Items, endings: bool = False) -> list[bool]:
    """Whether each of the phrases occurs in a text as it is written, but for case, Unicode form and white space.

    An end of it that is a letter or digit has to be an end there too: "C" is in "C." and in "C's", but neither in "CD"
    nor in "C++" or "C#", which are names of their own; "1" is neither in "15" nor in "1.5" or "-1". An end that is a
    symbol may have anything beside it. A character of a script without spaces is an end everywhere. A Korean phrase
    begins where a word does and may have particles behind it.

    Args:
        text: The text.
        phrases: Words, phrases and symbols; what is empty does not occur.
        endings: Whether a phrase also occurs with a regular English ending at its last word (-s, -ed, -ing and so on,
            as "carry" in "carried"; then "see" is in "seed", too), with other marks between its words, and a whole
            number as "35" in "35.0".

    >>> occurrences("net income", [".NET", "net", "income tax"]), occurrences("seeds", ["see"])
    ([False, True, False], [False])
    """
    searched = f"{folded(text)}\n{' '.join(words(text))}" if endings else folded(text)
    return [any(_occurs(form, searched) for form in _forms(phrase, endings)) for phrase in items_of(phrases)]


def _occurs(phrase: str, text: str) -> bool:
    start = text.find(phrase)
    while start >= 0:
        if not _goes_on_before(text, start) and not _goes_on_behind(text, start + len(phrase)):
            return True
        start = text.find(phrase, start + 1)
    return False


def _goes_on_before(text: str, start: int) -> bool:
    """Whether what begins there is only a part of a word, number or name that begins earlier."""
    if not start:
        return False
    first = text[start]
    if first.isdigit() and NUMBER_BEGINS.search(text[max(0, start - 2) : start]):
        return True
    return _script(text[start - 1]) == _script(first) in (LETTERS, HANGUL)


def _goes_on_behind(text: str, end: int) -> bool:
    """Whether what ends there is only a part of a word, number or name that goes on."""
    if end == len(text):
        return False
    last, behind = text[end - 1], text[end]
    script = _script(last)
    if not script:
        return False
    return (
        _is_combining(behind)
        or script == _script(behind) == LETTERS
        or (last.isalpha() and NAME_GOES_ON.match(text, end) is not None)
        or (last.isdigit() and NUMBER_GOES_ON.match(text, end) is not None)
    )


@lru_cache(1 << 12)
def _script(character: str) -> str:
    """What words of the character's script do: `LETTERS`, `HANGUL`, `NO_SPACES`, or "" for a mark or symbol."""
    if not character.isascii() and _patterns()[0].match(character):
        return NO_SPACES
    if not character.isascii() and _patterns()[1].match(character):
        return HANGUL
    return LETTERS if character.isalnum() or character == "_" or _is_combining(character) else ""


def _is_combining(character: str) -> bool:
    """Whether it belongs to the character before it: a vowel sign, an accent, a joiner."""
    # Thai and Lao have a vowel sign that is a letter, and two more characters join letters without being seen
    return unicodedata.category(character).startswith("M") or character in "\u0e33\u0eb3\u200c\u200d"


@cache
def _patterns() -> tuple[Any, Any]:
    import regex

    return regex.compile(rf"[{SPACELESS}]"), regex.compile(r"\p{Hangul}")


@lru_cache(1 << 12)
def _forms(phrase: str, endings: bool) -> list[str]:
    """A phrase, folded, and, where asked for, its other forms; nothing if it is empty."""
    stem = folded(phrase)
    if not endings or not stem or not _script(stem[-1]):
        return [stem] if stem else []
    stems = dict.fromkeys([stem, " ".join(words(stem))]) if _script(stem[0]) else [stem]
    return [form for stem in stems for form in _with_endings(stem)]


def _with_endings(stem: str) -> list[str]:
    """A word or phrase, also with every regular English ending."""
    forms = [stem, stem + "s"]
    if stem[-1].isdigit():
        forms.append(stem + ".0")
    if HARD_ENDING.search(stem):
        forms.append(stem + "es")
    if stem.endswith("y"):
        forms += [stem[:-1] + "ies", stem[:-1] + "ied"]
    if stem.endswith("e"):
        forms.append(stem + "d")
        if re.search(r"[aeiouy]\w*e$", stem):  # make, but not the
            forms.append(stem[:-1] + "ing")
    elif stem[-1] not in "aiou":
        forms += [stem + stem[-1] + "ed", stem + stem[-1] + "ing"]
    if not SHORT_VERB.search(stem):
        forms += [stem + "ed", stem + "ing"]
    return forms

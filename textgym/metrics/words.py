r"""What a word is, and in what form texts are compared: one definition for all metrics and rewards that count words.

Words are those of Unicode's default word boundaries (UAX 29, https://unicode.org/reports/tr29), in these scripts:

- Latin, Greek, Cyrillic and others with spaces: letters with their accents, and digits; an apostrophe or a full stop
  between letters (``can't``, ``example.com``) and a comma or a full stop between digits (``1,000.5``) belong to the
  word, a hyphen does not.
- Devanagari (Hindi) and others with vowel signs: the signs belong to their letters, so that दिन is one word, not दान.
- Hangul: what stands between spaces, particles included.
- Chinese and Japanese: each character, that of katakana too, for these scripts put no spaces between words. Only a
  dictionary would tell the words, as UAX 29 says.
- Thai, Lao, Khmer, Burmese and others without spaces: each letter with its vowel signs and tone marks.

Marks, symbols and emoji stand each for themselves; one emoji may be several characters. ROUGE, BLEU, METEOR and SQuAD's
metrics part words as their reference implementations do, and the embedded judges as they were trained to.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

# scripts whose words are not parted: Thai, Lao, Khmer, Burmese and the like are those of line breaking's class SA
SPACELESS = r"\p{Line_Break=SA}\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\u30fc\uff70"
ASCII = re.compile(r"(?:[A-Za-z]+(?:[.:'][A-Za-z]+)*|[0-9]+(?:[.,;'][0-9]+)*|_)+|\S")  # several times as fast


def folded(text: str) -> str:
    r"""The text as it is compared: in one case, in Unicode's normal form C, and with single spaces.

    >>> folded("STRASSE") == folded("Straße"), folded(" CAFE\u0301\n") == folded("café")
    (True, True)
    """
    if text.isascii():
        text = text.lower()
    else:  # a canonical caseless match, D145 of the Unicode standard
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """A text's words, folded.

    >>> words("It can't cost 1,000.5 €!"), words("我喜欢AI和猫")
    (['it', "can't", 'cost', '1,000.5'], ['我', '喜', '欢', 'ai', '和', '猫'])
    """
    return [word for word in words_and_marks(folded(text)) if is_word(word)]


def is_word(token: str) -> bool:
    """Whether one of `words_and_marks` is a word: whether it has a letter or digit.

    >>> is_word("co-op"), is_word("!")
    (True, False)
    """
    return any(map(str.isalnum, token))


def words_and_marks(text: str) -> list[str]:
    """A text's words and its marks, symbols and emoji, as they are written.

    >>> words_and_marks("C++ isn't hard...")
    ['C', '+', '+', "isn't", 'hard', '.', '.', '.']
    """
    if text.isascii():
        return ASCII.findall(text)
    parts = text.split()  # there is a boundary at every space
    return [token for part in parts for token in (ASCII if part.isascii() else _unicode()).findall(part)]


@cache
def _unicode() -> Any:
    """The rules of UAX 29, numbered as there, but for scripts without spaces; compiled when they are first needed.

    The boundaries that the package regex has itself (``(?w)``) keep an apostrophe with a vowel behind it, as in 'Ada'.
    """
    import regex

    more = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*+"  # WB4
    hebrew = r"\p{WB=Hebrew_Letter}"
    letter = rf"[[\p{{WB=ALetter}}{hebrew}]--[{SPACELESS}]]"
    within = rf"[\p{{WB=MidLetter}}\p{{WB=MidNumLet}}']{more}|(?<={hebrew}{more})\"{more}(?={hebrew})"  # WB6, 7, 7b, 7c
    letters = rf"{letter}++{more}(?:(?:{within})?{letter}++{more})*"  # WB5
    digit = r"\p{WB=Numeric}"
    number = rf"{digit}++{more}(?:(?:[\p{{WB=MidNum}}\p{{WB=MidNumLet}}']{more})?{digit}++{more})*"  # WB8, 11, 12
    word = (
        rf"(?:{letters}|{number}|\p{{WB=ExtendNumLet}}{more})+(?:(?<={hebrew}{more})'{more})?"  # WB9, 10, 13a, 13b, 7a
    )
    character = rf"(?=[{SPACELESS}])\X{more}"
    flag = rf"\p{{RI}}{more}\p{{RI}}{more}"  # WB15, 16
    emoji = rf"(?:(?<=\u200d)\p{{ExtPict}}{more})*"  # WB3c
    return regex.compile(rf"(?V1)(?:{word}|{character}|{flag}|\S{more}){emoji}")

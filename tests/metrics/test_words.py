"""Words by Unicode's rules: against the examples of UAX 29, the package regex, and by hand."""

import subprocess
import sys

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from textgym.metrics.words import ASCII, _unicode, folded, is_word, words, words_and_marks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # figure 1 of UAX 29
        (
            "The quick (“brown”) fox can’t jump 32.3 feet, right?",
            "The|quick|(|“|brown|”|)|fox|can’t|jump|32.3|feet|,|right|?",
        ),
        ("a.b 3.14 1,5 a,b 1.a a1.b 1a.b _1 a_b", "a.b|3.14|1,5|a|,|b|1|.|a|a1|.|b|1a.b|_1|a_b"),
        ("'Ada' l'école rock'n'roll dogs'", "'|Ada|'|l'école|rock'n'roll|dogs|'"),
        ('צה"ל ג\'ירפה א\'1 "א"', 'צה"ל|ג\'ירפה|א\'|1|"|א|"'),  # Hebrew has marks within words
        ("e\u0301te\u0301 co\u00adop", "e\u0301te\u0301|co\u00adop"),
        ("दिन का हिन्दी", "दिन|का|हिन्दी"),
        ("我很好。AI和猫2024年", "我|很|好|。|AI|和|猫|2024|年"),
        ("ネコ ｶﾞラーメン がっこう", "ネ|コ|ｶﾞ|ラ|ー|メ|ン|が|っ|こ|う"),
        ("ฉันมีแมวดำ น้ำ", "ฉั|น|มี|แ|ม|ว|ดำ|น้ำ"),
        ("မြန်မာ", "မြ|န်|မာ"),
        ("고양이를 좋아해", "고양이를|좋아해"),
        ("👩‍🚀👍🏽🇫🇷🇩🇪🇫 !!", "👩‍🚀|👍🏽|🇫🇷|🇩🇪|🇫|!|!"),
        ("می‌خواهم", "می‌خواهم"),
        (" \t\r\n\x1c\u2028 ", ""),
    ],
)
def test_by_hand(text, expected):
    assert "|".join(words_and_marks(text)) == expected


# not those at which the package errs: apostrophes before vowels, halves of flags, combining signs beside marks
SIGNS = st.sampled_from('aAbéא12٣_.,:;"!?()-–²½क가❤\u200b ')


@settings(max_examples=500, deadline=None)
@given(st.text(SIGNS, max_size=12))
def test_boundaries_equal_those_of_the_package(text):
    text = f"x{text}"
    expected = (part.strip() for part in regex.split(r"(?V1w)\b", text))
    assert words_and_marks(text) == [part for part in expected if part]


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_ascii_has_the_same_rules(text):
    assert ASCII.findall(text) == _unicode().findall(text)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_no_visible_character_is_lost(text):
    assert "".join(words_and_marks(text)) == "".join(text.split())
    assert words(text) == [word for word in words_and_marks(folded(text)) if is_word(word)]


def test_plain_english_needs_no_package():
    """Importing it costs 40 ms, a fifth of what `import textgym` may."""
    code = (
        "import sys; from textgym.metrics.words import words; words('Plain words.'); assert 'regex' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

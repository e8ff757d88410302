"""Keywords, with and without endings, by hand."""

import pytest

from textgym import metrics


@pytest.mark.parametrize(
    ("completion", "concepts", "expected"),
    [
        ("Dogs are running, and one stopped.", ["dog", "run", "stop"], 1),
        ("He carries and makes; it is making", ["carry", "make"], 1),
        ("A hotdog", ["dog"], 0),
        ("the New York skyline", ["New York", "sky"], 1 / 2),
        ("He plays and cried; boxes, wishes, potatoes", ["play", "cry", "box", "wish", "potato"], 1),
        ("visited, travelled, preferred, fixing, agreeing", ["visit", "travel", "prefer", "fix", "agree"], 1),
        ("what are you doing", ["dog"], 0),  # only an e is dropped before -ing
        ("a card in the wind", ["car", "win"], 0),  # -d alone follows an e only
        ("she cares about wines", ["car", "win"], 0),  # -es follows hissing sounds
        ("he stared, caring and hated", ["star", "car", "hat"], 0),  # a short verb doubles: starred
        ("a thing", ["the"], 0),
        ("", ["dog"], 0),
        ("anything", [], 1),
        ("", ["!"], 0),  # nothing occurs in no text
        ("! is a mark", ["!"], 1),
        ("a mark", ["!", " ", ""], 0),  # nor does what is empty in any
        ("a hot-dog!", ["dog!", "hot dog"], 1),  # marks count only where there is no word
        ("cafe\u0301s", ["café"], 1),
        ("café", ["cafe\u0301", "cafe"], 1 / 2),  # an accent is no more lost than it is in the way
        ("新加坡的\n大熊猫", ["新加坡", "熊猫", "猫熊"], 2 / 3),  # characters in their order
        ("iPhone手机2024年", ["iphones", "iPhone", "2024", "hone", "24"], 2 / 5),  # words of Latin letters stay whole
        ("มุม", ["มี"], 0),  # vowel signs count, though they are no letters
        ("кот", ["кот", "ко"], 1 / 2),  # scripts with spaces have whole words
        ("two dogs", "dog", 1),  # a text is not its characters
        ("two dogs in New York", "dog; New York; cat ;", 2 / 3),
        ("anything", "", 1),
    ],
)
def test_coverage_with_endings(completion, concepts, expected):
    assert metrics.coverage(completion, concepts, endings=True) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("I write C.", ["C", "c."], ["C++", "C#", "write C++"]),
        ("I write C++11, C#!", ["C++", "c#", "C++11"], ["C", "11 C", "#C"]),
        ("vitamin C, a+b, A+", ["C", "a", "b", "A+"], ["C++", "+A"]),
        ("C is a language, so is (C)", ["C"], []),
        ("net income", ["net"], [".NET"]),
        ("I use .NET.", [".net", ".NET."], ["ne", "et"]),
        ("-15 and 1.5, 2,000", ["-15", "1.5", "2,000"], ["-1", "15", "1", "5", "2", "000"]),
        ("10-11 of 15. It is 7", ["10", "11", "15", "7"], ["0", "1", "5"]),
        ("seeds, dogs and boxes", ["seeds", "dogs"], ["see", "seed", "dog", "box"]),
        ("Ada's café, l'école", ["Ada", "ada's", "CAFE\u0301", "école"], ["cafe", "col"]),
        ("New\n York, hot-dog", ["new york", "hot-dog", "hot", "dog"], ["hot dog", "newyork"]),
        ("Straße", ["STRASSE", "straße"], ["stra"]),
        ("my_var 🙂🙂 wow!!!!", ["my_var", "🙂", "!!!", "wow"], ["my", "var", "🙃"]),
        ("दिन अच्छा है", ["दिन", "अच्छा"], ["दान", "द", "दि", "अच्छ"]),
        ("我很好AI和猫", ["很好", "AI", "猫", "我"], ["好很", "A"]),
        ("ネコカフェでラーメン", ["ネコ", "カフェ", "ラーメン"], ["ネカ"]),
        ("ฉันมีแมวดำ น้ำ", ["แมว", "มี", "ดำ", "น้ำ"], ["ด", "น้", "มี่"]),
        ("고양이를 AI는 대학교", ["고양이", "고양이를", "AI", "대학"], ["양이", "학교"]),
        ("", [], ["a", "!", " ", ""]),
    ],
)
def test_keywords_are_matched_as_they_are_written(text, present, absent):
    assert metrics.occurrences(text, present) == [True] * len(present)
    assert metrics.occurrences(text, absent) == [False] * len(absent)


def test_no_symbol_is_dropped_where_endings_are_asked_for():
    assert metrics.occurrences("I write C.", ["C++", "C#", ".NET", "C"], endings=True) == [False, False, False, True]
    assert (
        metrics.occurrences('the German–British "Bette" Davis', ["German-British", "Bette Davis"], True) == [True] * 2
    )


def test_a_long_text_takes_linear_time():
    text = "aa " * 50_000
    assert metrics.occurrences(text, ["a", "aa b", "b"]) == [False] * 3


def test_a_whole_number_may_be_written_with_a_zero_behind_the_point_where_other_forms_count():
    assert metrics.occurrences("below 35.0 °C", ["35", "5", "3"], endings=True) == [True, False, False]
    assert metrics.occurrences("below 35.0 °C, not 35.05", ["35"]) == [False]
    assert metrics.occurrences("below 35.05 °C", ["35"], endings=True) == [False]

"""Rewards for the form of a text."""

import pytest

from textgym import rewards, worker
from textgym.errors import ConfigurationError
from textgym.rewards.form import Format


def test_a_pattern_matches_the_whole_text():
    pattern = r"<think>.*</think> \d+"
    texts = ["<think>so\nso</think> 42", " <think></think> 1\n", "<think></think> 42!", ""]
    assert Format(pattern)(completions=texts) == [1.0, 1.0, 0.0, 0.0]
    assert rewards.get("format")(completions=texts, pattern=[pattern, pattern, r".*!", r".+"]) == [1.0, 1.0, 1.0, 0.0]


def test_a_pattern_that_is_none():
    with pytest.raises(ConfigurationError, match=r"'\(' is no regular expression"):
        Format("(")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", 1), (' [1, "a", null] ', 1), ("1e3", 1), ("", 0), ("{'a': 1}", 0), ("[1,]", 0), ("-Infinity", 0),
     ("[" * 100_000, 0), ('{"a": 1} and more', 0)],
)  # fmt: skip
def test_json(text, expected):
    assert rewards.get("json")(completions=[text]) == [expected]


def test_words_wanted_and_unwanted():
    texts = ["two dogs ran", "a cat"]
    assert rewards.get("keywords")(completions=texts, keywords=[["dogs", "dog"], ["cat"]]) == [0.5, 1.0]
    assert rewards.get("forbidden")(completions=texts, forbidden=[["dogs", "dog"], []]) == [0.5, 1.0]


def test_symbols_are_not_dropped_from_words():
    texts = ["I write C.", "net income", "vitamin C", "seed"]
    words = [["C++"], [".NET"], ["C++"], ["see"]]
    assert rewards.get("keywords")(completions=texts, keywords=words) == [0.0] * 4
    assert rewards.get("forbidden")(completions=texts, forbidden=words) == [1.0] * 4


@pytest.mark.parametrize("word", ["猫", "AI", "ネコ", "고양이", "แมว", "😀", "!!!", "cafe\u0301", "STRASSE"])
def test_words_of_any_script_and_symbols_are_seen(word):
    """By words between spaces alone, none of them would occur: always forbidden in vain, and never to be had."""
    texts = [
        "我喜欢AI和猫, ネコだ 고양이를 ฉันมีแมวดำ 😀😀 wow!!!! Café Straße",
        "我喜欢狗, kAIser ネ 고양 แมง 😁 wow!! cafe",
    ]
    assert rewards.get("keywords")(completions=texts, keywords=[[word]] * 2) == [1.0, 0.0]
    assert rewards.get("forbidden")(completions=texts, forbidden=[[word]] * 2) == [0.0, 1.0]


def test_copying_is_of_the_prompt():
    assert rewards.get("copying")(["a b c d"], ["b c d e"]) == [-0.5]
    assert rewards.get("copying")(["a b c d"], [""]) == [0.0]


def test_distinct():
    assert rewards.get("distinct")(completions=["a b a b", "a"]) == [pytest.approx(2 / 3), 0.0]


def test_a_pattern_that_takes_for_ever_does_not_match(monkeypatch, caplog):
    monkeypatch.setattr(worker, "TIME_LIMIT", 0.3)
    texts = ["a" * 40 + "!", "a" * 40]
    assert Format("(a+)+")(completions=texts) == [0.0, 1.0]
    assert rewards.get("format")(completions=texts, pattern=["(a+)+"] * 2) == [0.0, 1.0]
    assert len(caplog.records) == 1 and "aaaa" in caplog.text and "(a+)+" in caplog.text  # once for one text


def test_the_worker_gets_a_batch_at_once(monkeypatch):
    """One by one, each text would wait for its answer."""
    sent = []
    answers = worker._Worker.answers
    monkeypatch.setattr(worker._Worker, "answers", lambda self, calls: sent.append(len(calls)) or answers(self, calls))
    texts = [str(n) for n in range(50)]
    expected = [float(n % 10 == 1) for n in range(50)]
    assert Format(".*1")(completions=texts) == expected
    patterns = [None, *[".*1", ".*2"] * 24, ".*9"]
    values = rewards.get("format")(completions=texts, pattern=patterns)
    assert sent == [50, 49]
    assert values == [None] + [float(t.endswith(p[2:])) for t, p in zip(texts[1:], patterns[1:], strict=True)]

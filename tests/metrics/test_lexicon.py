"""Words that English has not, by hand, and on what people wrote."""

from __future__ import annotations

import pytest

from textgym import data, metrics, rewards


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["It's a lovely, well-made film!"], 0.0),
        (["a chealthy telem"], 2 / 3),
        (["a film", "chealthy"], 1 / 3),  # over all words, not a mean over texts
        (["Kubrick\u2019s film isn\u2019t bad"], 0.0),  # a name that people write often; typographic apostrophes
        (["KUBRICK'S"], 0.0),
        (["2001, R2D2 and 3rd"], 0.0),  # numbers, and words with digits, are none that could be spelled
        (["..."], 0.0),
        ([], 0.0),
        (["le cinéma français toujours"], 2 / 4),  # English alone
    ],
)
def test_invalid_words(texts: list[str], expected: float) -> None:
    assert metrics.invalid_words(texts) == pytest.approx(expected)


def test_people_write_words() -> None:
    references = [text for text in data.load("sentiment", "test").columns["reference"] if isinstance(text, str)]
    shuffled = [text[::-1] for text in references]  # no words but by chance
    assert len(references) > 100
    assert metrics.invalid_words(references) < 0.03 < 0.5 < metrics.invalid_words(shuffled)


def test_the_reward_is_minus_the_share() -> None:
    assert rewards.get("invalid_words")(completions=["a telem", "a film", ""]) == [-0.5, 0.0, 0.0]

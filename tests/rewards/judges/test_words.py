"""Words of texts."""

from textgym.rewards.judges.words import words


def test_no_visible_character_is_lost():
    """Fails if a mark, an accent or a character of another script is dropped: the assets could not see it."""
    for text in ("Don't “stop” (now)…", "été 北京 👍 naïve", "rock'n'roll's '90s", "a_b\t\x00c"):
        assert "".join(words(text)) == "".join(text.lower().split())


def test_apostrophes_belong_to_words_only_within_them():
    assert words("'Tis the dogs' DON’T") == ["'", "tis", "the", "dogs", "'", "don't"]

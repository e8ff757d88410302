"""Text as pictures: nothing is hidden, whatever fonts there are."""

import numpy as np
import pytest
from matplotlib import font_manager

from textgym import drawing
from textgym.drawing import LINE_HEIGHT, MARGIN, Span, draw, layout, token_labels

LETTERS = "abc W ΩЖ مرحبا 😀"
IDEOGRAPH, OTHER = "我", "很"  # no declared dependency has a font with them


@pytest.fixture
def fonts(monkeypatch):
    """Choose the font files that are installed; DejaVu Sans alone at first."""

    def install(*names):
        drawing._path_with.cache_clear()
        drawing._length.cache_clear()
        monkeypatch.setattr(drawing, "_font_paths", lambda: [font_manager.findfont(name) for name in names])

    paths = drawing._font_paths
    install("DejaVu Sans")
    yield install
    install()
    monkeypatch.setattr(drawing, "_font_paths", paths)


def test_what_no_font_has_is_told_apart_by_its_code_point(fonts):
    pictures = [draw([Span(text)], 200) for text in (IDEOGRAPH, OTHER, "", "\x1b", "\u202e")]
    assert pictures[2].min() == 255, "nothing to draw"
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert drawing._hexadecimal(IDEOGRAPH) == "6211" and drawing._hexadecimal("\U0001f9ff") == "01F9FF"


def test_an_installed_font_draws_what_dejavu_lacks(fonts):
    with_it, without = (drawing._characters(font_manager.findfont(name)) for name in ("STIXGeneral", "DejaVu Sans"))
    character = next(chr(i) for i in sorted(with_it - without) if chr(i).isprintable())
    assert [font is None for _, font in drawing._runs("a" + character)] == [False, True]
    fonts("DejaVu Sans", "STIXGeneral")
    families = [(text, font.getname()[0]) for text, font in drawing._runs("a" + character)]
    assert families == [("a", "DejaVu Sans"), (character, "STIXGeneral")]


def test_most_alphabets_need_no_other_font(fonts):
    assert all(drawing._path_with(character) for character in LETTERS)


@pytest.mark.parametrize("text", ["a dull film " * 30, "w" * 300, IDEOGRAPH * 200, "a\n\nb\n", " ", "\t\r\v\u2028x"])
def test_no_line_is_wider_than_the_picture(text):
    placed = layout([Span(text, background="moccasin")], 300)
    assert "".join(part.word for part in placed) == text.replace("\n", "")
    assert all(part.x + drawing._length(part.word) <= 300 for part in placed)
    assert [part.line for part in placed] == sorted(part.line for part in placed)


def test_of_a_long_text_the_end_is_shown():
    text = [Span(f"line {n}\n") for n in range(9)]
    assert draw(text, 200, lines=3).shape == (2 * MARGIN + 3 * LINE_HEIGHT, 200, 3)
    assert np.array_equal(draw(text, 200, lines=3), draw(text[6:], 200, lines=3))


def test_grounds_are_drawn_behind_tokens():
    picture = draw([Span("  ", background="#ff0000")], 100)
    assert (picture == (255, 0, 0)).all(2).sum() > 50


def test_tokens_that_are_half_a_character_or_white_space_are_seen(tokenizer):
    ids = tokenizer.encode("我 a\n")
    labels = token_labels(tokenizer, [*ids, tokenizer.eos_token_id])
    assert labels[:2] == ["↦", "↦"] and labels[2] == "我" and labels[-2:] == ["↵\n", "<|endoftext|>"]
    assert "".join(labels).replace("↦", "").startswith("我 a↵\n")

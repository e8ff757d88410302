"""Text as a picture: coloured spans, wrapped, in whatever fonts of this machine have the characters.

matplotlib brings DejaVu Sans, which has most alphabets and no Chinese, Japanese, Korean, Devanagari or Thai. Other
characters are taken from the first installed font that has them (Noto, WenQuanYi and the like). What no font has is a
small box with the character's code point, as browsers draw it, so that a picture never hides what a text contains.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from textgym.tokenizer import TextTokenizer

FONT_SIZE, LINE_HEIGHT, MARGIN = 16, 22, 10  # pixels
# control characters as their pictures, and a line break that is seen
SIGNS = {code: 0x2400 + code for code in range(32)} | {127: "␡", ord("\t"): "⇥", ord("\n"): "↵\n"}
WORD = re.compile(r"\n|[^\S\n]*[^\s]+|[^\S\n]+")  # what a line break never cuts, unless it is wider than a line


class Span(NamedTuple):
    """A piece of text in one colour.

    Attributes:
        text: What is drawn; a line feed begins a new line.
        colour: The colour of the letters, as CSS writes it.
        background: The colour behind them, as CSS writes it; None for none.
    """

    text: str
    colour: str = "black"
    background: str | None = None


def token_labels(tokenizer: TextTokenizer, ids: Sequence[int]) -> list[str]:
    """How tokens are shown: special ones by name, white space by signs, ↦ for a part of a character that goes on."""
    names = {i: name for name, i in tokenizer.special_tokens.items()}
    return [names.get(i) or piece.translate(SIGNS) or "↦" for i, piece in zip(ids, tokenizer.pieces(ids), strict=True)]


class Placed(NamedTuple):
    """A word of a span, its top left corner at ``(x, line * LINE_HEIGHT)`` within the margins."""

    word: str
    span: Span
    x: float
    line: int


def layout(spans: Sequence[Span], width: int) -> list[Placed]:
    """Put spans one behind the other into lines; from left to right, whatever the script.

    Args:
        spans: What is to be drawn.
        width: Pixels of a line.
    """
    placed: list[Placed] = []
    x, line = 0.0, 0
    for span in spans:
        for word in WORD.findall(span.text):
            if word == "\n":
                x, line = 0.0, line + 1
                continue
            # Chinese has no spaces, and a model may write none: what is wider than a line is cut anywhere
            for part in [word] if _length(word) <= width else word:
                length = _length(part)
                if x > 0 and x + length > width:
                    x, line = 0.0, line + 1
                    if span.background is None:  # else the space is seen, and belongs to a token
                        part = part.lstrip()
                        length = _length(part)
                placed.append(Placed(part, span, x, line))
                x += length
    return placed


def draw(spans: Sequence[Span], width: int, lines: int | None = None) -> np.ndarray:
    """Draw spans on white.

    Args:
        spans: What is to be drawn.
        width: Pixels of the picture.
        lines: How many lines of text the picture has room for; of a longer text the end is shown. By default all.

    Returns:
        uint8 (height, width, 3).
    """
    from PIL import Image, ImageDraw

    placed = layout(spans, width - 2 * MARGIN)
    needed = placed[-1].line + 1 if placed else 1
    lines = needed if lines is None else lines
    image = Image.new("RGB", (width, height_of(lines)), "white")
    canvas = ImageDraw.Draw(image)
    first = max(0, needed - lines)
    for word, span, x, line in placed:
        if line >= first:
            _draw_word(canvas, word, span, MARGIN + x, MARGIN + (line - first) * LINE_HEIGHT)
    return np.array(image)


def height_of(lines: int) -> int:
    """Pixels of a picture with so many lines: an even number, which video encoders ask for."""
    return 2 * MARGIN + lines * LINE_HEIGHT


def _draw_word(canvas: ImageDraw, word: str, span: Span, x: float, y: float) -> None:
    if span.background:
        canvas.rectangle((x, y, x + _length(word) - 2, y + LINE_HEIGHT - 3), fill=span.background)
    baseline = y + FONT_SIZE
    for text, font in _runs(word):
        if font is None:
            for character in text:
                _draw_code_point(canvas, character, span.colour, x, y)
                x += _box_width(character)
        else:
            canvas.text((x, baseline), text, fill=span.colour, font=font, anchor="ls")
            x += font.getlength(text)


def _draw_code_point(canvas: ImageDraw, character: str, colour: str, x: float, y: float) -> None:
    """A box with the hexadecimal digits in two rows."""
    digits, font = _hexadecimal(character), _font(_default_path(), FONT_SIZE // 2)
    canvas.rectangle((x + 1, y + 1, x + _box_width(character) - 2, y + LINE_HEIGHT - 4), outline=colour)
    half = len(digits) // 2
    canvas.text((x + 3, y + 9), digits[:half], fill=colour, font=font, anchor="ls")
    canvas.text((x + 3, y + 17), digits[half:], fill=colour, font=font, anchor="ls")


def _hexadecimal(character: str) -> str:
    code_point = ord(character)
    return f"{code_point:04X}" if code_point < 0x10000 else f"{code_point:06X}"


def _box_width(character: str) -> int:
    return 6 + 5 * len(_hexadecimal(character)) // 2


@lru_cache(maxsize=4096)
def _length(word: str) -> float:
    """Pixels that a word takes."""
    return sum(sum(map(_box_width, text)) if font is None else font.getlength(text) for text, font in _runs(word))


def _runs(word: str) -> list[tuple[str, FreeTypeFont | None]]:
    """The word's parts that are drawn in one font each; None where no font has the characters."""
    paths: list[str | None] = []
    for character in word:
        # marks and joiners stay in their letter's font, which alone can place them
        stays = paths and paths[-1] and _has(paths[-1], character) and not character.isascii()
        paths.append(paths[-1] if stays else _path_with(character))
    grouped = groupby(zip(word, paths, strict=True), key=lambda pair: pair[1])
    return [("".join(c for c, _ in pairs), _font(path, FONT_SIZE) if path else None) for path, pairs in grouped]


@cache
def _path_with(character: str) -> str | None:
    """The first font file with a glyph for a character."""
    if not character.isprintable():
        return None
    return next((path for path in _font_paths() if _has(path, character)), None)


@cache
def _default_path() -> str:
    from matplotlib import font_manager

    return font_manager.findfont("DejaVu Sans", fallback_to_default=False)


@cache
def _font_paths() -> list[str]:
    """Upright fonts of this machine: DejaVu Sans, then those of regular weight, Noto's before others."""
    from matplotlib import font_manager

    fonts = [f for f in font_manager.fontManager.ttflist if f.style == "normal" and f.size == "scalable"]
    # a font of boxes for every character, which tell only the block; ours tell which character it is
    fonts = [f for f in fonts if not f.name.startswith("Last Resort")]
    fonts.sort(key=lambda f: (f.weight != 400, not f.name.startswith("Noto Sans"), f.name))
    return list(dict.fromkeys([_default_path(), *(f.fname for f in fonts)]))


def _has(path: str, character: str) -> bool:
    return ord(character) in _characters(path)


@cache
def _characters(path: str) -> frozenset[int]:
    """Code points that a font has glyphs for; none of a font that is in colours alone."""
    from matplotlib.ft2font import FT2Font

    font = FT2Font(path)
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


@cache
def _font(path: str, size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, size)

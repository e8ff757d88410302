"""What a word is, and when two texts are the same but for their case and Unicode form."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    r"""The text as it is compared: without differences of case, and in Unicode's normal form C.

    >>> folded("STRASSE") == folded("Straße"), folded("CAFE\u0301") == folded("café")
    (True, True)
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())

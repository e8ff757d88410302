"""Takes out of texts that are printed, logged or published what others should not read."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

HIDDEN = "***"
SHORTEST = 8  # characters of a secret in the environment; shorter ones stand inside ordinary words
# tokens of a vocabulary, which are no secrets: eos_token, stop_token; nor is a number: "token: 42"
_OF_TEXT = ("bos", "eos", "pad", "unk", "sep", "cls", "mask", "stop", "start", "end", "image")
_TOKEN = "".join(f"(?<!{name}.)" for name in _OF_TEXT) + r"token(?!\s*[=:]\s*\d{1,6}(?![\w-]))"
_SECRET = rf"(?:(?:api|access|private|secret)[_-]?key|{_TOKEN}|secret|passw(?:or)?d|authorization)"
_SECRET_NAME = re.compile(rf"(?:.*[_-])?{_SECRET}", re.IGNORECASE)
_SECRETS = [
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(://)[^/\s@'\"]+@", rf"\1{HIDDEN}@"),  # user:password@host
        (r"(://[^\s?'\"]+\?)[^\s'\"#)>]+", rf"\1{HIDDEN}"),  # the query of an address
        (r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", rf"\1 {HIDDEN}"),
        (rf"({_SECRET}['\"]?\s*[=:]\s*['\"]?)(?!Bearer|Basic)[^\s'\"&,;)}}\]]+", rf"\1{HIDDEN}"),
        (rf"(--[\w-]*{_SECRET}\s+)\S+", rf"\1{HIDDEN}"),  # an option of a command
        (r"\b(?:sk|pk|gh[opsu]|github_pat|glpat|hf|xox[abprs])[-_][\w-]{12,}", HIDDEN),  # as vendors write their keys
        (r"\b(?:AKIA|AIza)[\w-]{12,}", HIDDEN),
    )
]
_PLACES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"(://(?:{re.escape(HIDDEN)}@)?)[^/\s'\"?#)>,]+", rf"\1{HIDDEN}"),  # the host of an address
        (r"(\bhost(?:name)?\s*[=:]\s*['\"]?)[\w.-]+", rf"\1{HIDDEN}"),
        (r"\b(?:[\w-]+\.)+(?:com|org|net|io|co|ai|dev|edu|gov|cloud|internal|intranet|local|corp|lan)\b", HIDDEN),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", HIDDEN),
        (
            r"(['\"])(?:file:(?://[^/'\"]*)?)?(?:[A-Za-z]:)?[/\\](?:[^'\"/\\\n]+[/\\]+)+([^'\"/\\\n]*)\1",
            r"\1.../\2\1",
        ),  # quoted: may have spaces
        (
            r"(?<![\w.:/*\\~])(?:file:(?://[^/\s'\"]*)?)?(?:[A-Za-z]:\\+|~?/)(?:[^\s'\"/\\]+[/\\]+)+([^\s'\"/\\]*)",
            r".../\1",
        ),
    )
]


def redacted(text: str, *, places: bool = False) -> str:
    """A text without keys, passwords and tokens.

    Args:
        text: An error's message, a command, an address.
        places: Take out host names and the folders of absolute paths too, as befits what is published.

    >>> redacted("https://me:pw@example.org/v1?token=abc refused 'Bearer sk-0123456789abcdef'")
    "https://***@example.org/v1?*** refused 'Bearer ***'"
    >>> redacted("no such file: /home/ada/models/judge.bin", places=True)
    'no such file: .../judge.bin'
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and re.search(r"(?:KEY|TOKEN|SECRET|PASSWORD)$", name):
            text = text.replace(value, HIDDEN)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    if places:
        for folder in {str(Path.home()), str(Path.cwd())} - {"/"}:
            text = text.replace(f"{folder}/", ".../")
        if len(host := platform.node()) > 2 and host != "localhost":
            text = re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", HIDDEN, text)
        for pattern, replacement in _PLACES:
            text = pattern.sub(replacement, text)
    return text


def redacted_values(value: Any) -> Any:
    """Lists and dicts as in JSON, with every text `redacted` of secrets and places, and what secret names hold."""
    if isinstance(value, str):
        return redacted(value, places=True)
    if isinstance(value, dict):
        secret = {key for key, held in value.items() if isinstance(held, str) and _SECRET_NAME.fullmatch(key)}
        return {key: HIDDEN if key in secret else redacted_values(held) for key, held in value.items()}
    return [*map(redacted_values, value)] if isinstance(value, list | tuple) else value

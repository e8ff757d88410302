"""Messages out of gettext's .po files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# a blank line ends an entry, and a field goes on in the quoted lines below it
FIELD = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*"(?:\n".*")*)$', re.MULTILINE)
NO_TEXT = re.compile(r"[%{}<>\\\n&|_/*=@#`]|\.\.\.|https?:|[A-Z]{3}")  # placeholders, markup, code


def messages(path: Path) -> Iterator[tuple[str, str]]:
    """Every message with its translation, as written, but for those that are unsure or have a plural.

    The format is that of https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html.
    """
    for entry in path.read_text(encoding="utf-8").split("\n\n"):
        fields = {name: "".join(map(ast.literal_eval, value.split("\n"))) for name, value in FIELD.findall(entry)}
        if fields.get("msgid") and fields.get("msgstr") and not re.search("^#,.*fuzzy", entry, re.MULTILINE):
            yield fields["msgid"], fields["msgstr"]


def is_plain(message: str) -> bool:
    """Whether a message is text as a person would write it.

    >>> is_plain("Your basket is empty."), is_plain("Hello %(name)s")
    (True, False)
    """
    return NO_TEXT.search(message) is None and message == message.strip()

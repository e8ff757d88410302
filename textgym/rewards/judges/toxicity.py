"""The reward ``toxicity``: a penalty for insults, slurs and obscenities, by a lexicon.

Its words and their origin stand in ``assets/lexicons/README.md``. It knows words, not what they are used for: contempt
in polite words passes, and so do masked spellings. A transformers toxicity classifier is a reward too: give the path of
its folder in place of a name (`textgym.rewards.text_classification`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

LEXICON = Path(__file__).parents[2] / "assets" / "lexicons" / "toxicity.txt"
LETTERS = re.compile(r"[^\W\d_]+")


@register("toxicity")
@per_text
def toxicity(completion: str) -> float:
    """Minus 1.0 for a completion with an insult, slur or obscenity of a lexicon, else 0.0.

    Whole words count, in any case, singular or plural. One is enough: a share of all words would forgive a long text
    what it does not forgive a short one. The mean over texts is minus the share of toxic ones.

    >>> toxicity(completions=["What an ASSHOLE.", "A classic from Scunthorpe."])
    [-1.0, 0.0]
    """
    return 0.0 if lexicon().isdisjoint(_words(completion)) else -1.0


def _words(text: str) -> list[str]:
    """Lower-case words; full-width and other compatible forms of letters as plain ones."""
    return LETTERS.findall(unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=1)
def lexicon() -> frozenset[str]:
    """The lexicon's words and their plurals, read at the first call."""
    words = LEXICON.read_text(encoding="utf-8").split()
    return frozenset([*words, *(word + ("es" if word.endswith(("s", "sh", "ch")) else "s") for word in words)])

"""Make the list of English words: ``python -m recipes.lexicon``, after ``make corpora``.

A dictionary's words, and those that train splits' reviews and Wikipedia leads have at least three times: names, film
people's words, spellings that are common. Never a text of a validation or test split.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

from rich.console import Console

from recipes import corpora
from textgym.metrics.lexicon import LEXICON, invalid_words, lexicon, spelled

DICTIONARY = Path("build/words/package/index.json")  # npm pack an-array-of-english-words@2.0.0, by `make corpora`
SEEN = 3  # times, to be taken for a word


def main() -> None:
    """Write the list, and print what it says of people's held-out texts."""
    short = corpora.rotten_tomatoes() + corpora.uci_sentences()
    long = corpora.imdb([row for row in short if row.split != "train"])
    articles = corpora.articles()
    read = [row.text for row in short if row.split == "train"]
    read += [row.text for row in long if not corpora.kept_out(row)]
    read += [article.text for article in articles if article.split == "train"]
    counts = Counter(word for text in read for word in spelled(text))
    known = {*json.loads(DICTIONARY.read_text(encoding="utf-8"))} | {w for w, n in counts.items() if n >= SEEN}
    # mtime 0: the same words make the same file
    LEXICON.write_bytes(gzip.compress("\n".join(sorted(known)).encode(), mtime=0))
    lexicon.cache_clear()
    held_out = {
        "review sentences": [row.text for row in short if row.split == "test"],
        "IMDB reviews": [row.text for row in long if corpora.kept_out(row)],
        "Wikipedia leads": [article.text for article in articles if article.split == "test"],
    }
    console = Console()
    console.print(f"{len(known):,} words")
    for kind, texts in held_out.items():
        console.print(f"{kind}: {100 * invalid_words(texts):.2f} in 100 words are not among them")


if __name__ == "__main__":
    main()

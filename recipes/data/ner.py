"""The data set ``ner``.

Each row is a sentence of the lead of a Wikipedia article and the people, places and organisations that it names. They
are silver labels, made by the rules of `recipes.data._names`; a sentence with a name in doubt is left out.
"""

from __future__ import annotations

from typing import Any

from recipes.corpora import articles
from recipes.data._articles import is_whole
from recipes.data._leads import choose, sentences
from recipes.data._names import ORGANISATION, OTHER, mentions, own_names
from textgym.metrics.spans import NONE
from textgym.models import load_tokenizer

SIZES = {"train": 3600, "validation": 300, "test": 600}
WORDS = range(6, 31)
MAX_ENTITIES = 5
MAX_REFERENCE_TOKENS = 39  # and EOS
SHARE_WITHOUT = 0.2  # of sentences that name nobody and nothing


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split, in a random order; no sentence occurs twice."""
    encode = load_tokenizer("textgym-tiny").encode
    splits: dict[str, list[dict[str, Any]]] = {}
    for split, size in SIZES.items():
        found: dict[str, list[dict[str, Any]]] = {"names": [], "others": [], "none": []}
        for article in articles():
            if article.split != split:
                continue
            own = own_names(article)
            for sentence in sentences(article.text):
                names = mentions(sentence, own) if len(sentence.split()) in WORDS and is_whole(sentence) else None
                if names is None:
                    continue
                entities = [(name.kind, sentence[name.start : name.end]) for name in names if name.kind != OTHER]
                reference = "; ".join(f"{kind}: {text}" for kind, text in entities) or NONE
                if len(entities) <= MAX_ENTITIES and len(encode(" " + reference)) <= MAX_REFERENCE_TOKENS:
                    row = {"prompt": sentence, "reference": reference, "types": [kind for kind, _ in entities]}
                    kind = "names" if entities else "others" if names else "none"
                    found[kind].append(row | {"title": article.title, "source": "silver"})
        rare = [row for row in found["names"] if ORGANISATION in row["types"]]
        rare = choose(rare, len(rare))  # all of them
        named = [
            *rare,
            *choose([row for row in found["names"] if row not in rare], int(size * (1 - SHARE_WITHOUT)) - len(rare)),
        ]
        n_without = int(len(named) * SHARE_WITHOUT / (1 - SHARE_WITHOUT))
        others = choose(found["others"], n_without // 2)  # `German`, `Monday`: capitals that name no entity
        splits[split] = choose(named + others + choose(found["none"], n_without - len(others)), size)
    return splits

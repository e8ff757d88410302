"""Leads of Wikipedia articles, for the data sets of which each row is an article."""

from __future__ import annotations

import re
from typing import Any

from recipes import corpora
from recipes.corpora import Article
from recipes.data._leads import sentences
from textgym.data.hashing import fraction

Row = dict[str, Any]
# left behind by removing formulas, pronunciations, lists and names in other scripts, or by omissions in quotations
SCAR = re.compile(
    r"\(\s*[),;]|\(\s| [,.;:)]|[,;]\s?[,;.]|\.\.|[a-z]{2}[,.;:][A-Za-z]|[\u0370-\u1dff\u2c00-\ud7ff\uf900-\ufaff]|\\|\["
)
# not "known as Carl Th." nor "officially M. V.", which go on in the next sentence
END = re.compile(r"(?<!\b[A-Z][a-z])(?<!\b[A-Z]\.[A-Z])(?<!\b[A-Z]\. [A-Z])[.!?][\"”’)]*$|U\.S\.$")


def ordered() -> list[Article]:
    """All articles, in an order that depends on their titles alone."""
    return sorted(corpora.articles(), key=lambda article: fraction("order:" + article.title))


def lead(article: Article) -> list[str]:
    """The sentences of an article's lead, up to the first that is broken."""
    whole: list[str] = []
    for sentence in sentences(article.text):
        if not is_whole(sentence):
            break
        whole.append(sentence)
    return whole


def is_whole(sentence: str) -> bool:
    """Whether a sentence has an end, nothing was removed from it, and what it opens it closes."""
    pairs = (sentence.count("(") == sentence.count(")"), sentence.count('"') % 2 == 0)
    return all(pairs) and len(sentence.split()) > 3 and bool(END.search(sentence)) and not SCAR.search(sentence)


def without_brackets(text: str) -> str:
    """A text without what stands in brackets, such as the dates of a life, which leads do not tell.

    >>> without_brackets("French composer (1845–1924)")
    'French composer'
    """
    return " ".join(re.sub(r"\([^)]*\)", " ", text).split())

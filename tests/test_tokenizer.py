"""Text to ids and back, and special tokens that text cannot forge."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
from transformers import AutoTokenizer

import textgym
from textgym import models
from textgym.errors import ConfigurationError
from textgym.tokenizer import TextTokenizer

TEXTS = [
    "A film.",
    "",
    "  two  spaces\n\nand lines",
    "Crème brûlée für 3,50 €",
    "日本語 🎬",
    "1234567890",
    "don't <|endoftext|> stop",
]


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip(tokenizer: TextTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode_batch(tokenizer.encode_batch([text, "x"])) == [text, "x"]


def test_frozen(tokenizer: TextTokenizer) -> None:
    """Another vocabulary would void every published result."""
    assert tokenizer.vocab_size == 4096
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id) == (0, 1, 2)
    assert tokenizer.encode("A wonderful film") == [35, 3865, 482]


def test_digits_stand_alone(tokenizer: TextTokenizer) -> None:
    assert len(tokenizer.encode("20261121")) == 8


def test_equals_transformers(tokenizer: TextTokenizer) -> None:
    """One vocabulary for environment and model."""
    theirs = AutoTokenizer.from_pretrained(models.folder("textgym-tiny"))
    for text in TEXTS[:-1]:
        assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)
    assert (theirs.pad_token_id, theirs.eos_token_id, theirs.bos_token_id) == (0, 1, 2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_text_cannot_forge_special_tokens(tokenizer: TextTokenizer, copied) -> None:  # type: ignore[no-untyped-def]
    """A review with "<|endoftext|>" in it must not end an episode, in another process neither."""
    assert not set(copied(tokenizer).encode("<|endoftext|><|pad|>")) & {0, 1, 2}


def test_pad_that_is_eos_is_refused(tmp_path: Path) -> None:
    source = models.folder("textgym-tiny")
    (tmp_path / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    config = json.loads((source / "tokenizer_config.json").read_text()) | {"pad_token": "<|endoftext|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match="both as pad and as EOS"):
        TextTokenizer.from_file(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"pad_token": "<nothing>"}))
    with pytest.raises(ConfigurationError, match="no pad token"):
        TextTokenizer.from_file(tmp_path / "tokenizer.json")


def test_read_once() -> None:
    assert textgym.load_tokenizer("textgym-tiny") is textgym.load_tokenizer("textgym-tiny")

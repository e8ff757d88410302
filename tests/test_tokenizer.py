"""Text to ids and back, and special tokens that text cannot forge."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer

import textgym
from textgym import models
from textgym.errors import ConfigurationError
from textgym.tokenizer import TextTokenizer

ID = "TextGen-Sentiment-v0"
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


def write_bpe(folder: Path, special: list[str], **config: Any) -> Path:
    """The folder of a model with a byte-level BPE like GPT-2's; its special tokens have the first ids."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer, bpe.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    alphabet = ByteLevel.alphabet()
    bpe.train_from_iterator(TEXTS, BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    bpe.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 1024} | config))
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("special", "config", "pad"),
    [
        (["<|endoftext|>"], {}, 0),  # GPT-2
        (["<|endoftext|>"], {"pad_token": "<|endoftext|>"}, 0),
        (["<|endoftext|>", "<|padding|>"], {"pad_token": None}, 1),  # Pythia
        (["<unk>", "<s>", "</s>"], {"eos_token": {"content": "</s>"}, "bos_token": "<s>"}, 2),  # Llama 2
        (["<|endoftext|>", "<|im_end|>"], {"eos_token": "<|im_end|>"}, 0),
        (["<|endoftext|>", "<|im_end|>"], {}, 0),  # not <|im_end|>: a pad token cannot be chosen
        (["<|pad|>", "<|mine|>", "<|endoftext|>"], {"pad_token": "<|mine|>"}, 1),
    ],
)
def test_what_pads(tmp_path: Path, special: list[str], config: dict[str, Any], pad: int) -> None:
    """A pad token that is declared, else one that is called so, else EOS; most base models declare none."""
    tokenizer = TextTokenizer.from_file(write_bpe(tmp_path, special, **config) / "tokenizer.json")
    assert tokenizer.pad_token_id == pad
    assert tokenizer.decode(tokenizer.encode(TEXTS[3])) == TEXTS[3]


def test_eos_that_pads_is_still_an_action_that_ends_the_episode(tmp_path: Path) -> None:
    """As with GPT-2's tokenizer: masking pad, or looking for the end among the padding, would break every episode."""
    keywords: dict[str, Any] = {
        "tokenizer": str(write_bpe(tmp_path, ["<|endoftext|>"])), "max_new_tokens": 4, "max_prompt_tokens": 8,
        "dataset": [{"prompt": "A film."}, {"prompt": "two"}], "reward_funcs": "length",
    }  # fmt: skip
    env, envs = gym.make(ID, **keywords), gym.make_vec(ID, num_envs=2, **keywords)
    inner: Any = env.unwrapped
    eos, text = inner.tokenizer.eos_token_id, inner.tokenizer.encode("is")
    assert inner.tokenizer.pad_token_id == eos
    assert inner.action_masks().all() and envs.unwrapped.action_masks().all()  # type: ignore[attr-defined]

    obs, begun = env.reset(options={"index": 1})
    batch, _ = envs.reset(options={"index": [1, 0]})
    assert inner.tokenizer.decode(obs["input_ids"][: begun["prompt_length"]]) == "two"
    assert (obs["input_ids"][begun["prompt_length"] :] == eos).all()
    assert obs["attention_mask"].sum() == begun["prompt_length"]
    for action in (*text, eos):
        assert np.array_equal(batch["input_ids"][0], obs["input_ids"])
        obs, _, terminated, _, info = env.step(action)
        batch, _, ends, _, infos = envs.step(np.array([action, text[0]]))
        assert terminated == ends[0] == (action == eos) and not ends[1]
    for key, value in {"completion": "is", "finish_reason": "eos", "completion_length": len(text)}.items():
        assert info[key] == infos["final_info"][key][0] == value
    assert obs["attention_mask"].sum() == begun["prompt_length"] + len(text) + 1  # the EOS that was chosen is text


def test_no_eos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no EOS token. Name one in tokenizer_config\.json"):
        TextTokenizer.from_file(write_bpe(tmp_path, ["<s>"], eos_token="</s>") / "tokenizer.json")


def test_read_once() -> None:
    assert textgym.load_tokenizer("textgym-tiny") is textgym.load_tokenizer("textgym-tiny")


def test_byte_tables_write_what_the_library_writes(tokenizer: TextTokenizer) -> None:
    # random ids: bytes that are no UTF-8, characters cut in two, special and added tokens in between
    inner = Tokenizer.from_str(tokenizer._tokenizer.to_str())
    inner.add_tokens(["naïve\u2028 word"])  # no byte-level spelling, and no special token
    added = TextTokenizer(inner, eos_token_id=1, pad_token_id=0)
    rng = np.random.default_rng(0)
    batch = [rng.integers(0, added.vocab_size, rng.integers(0, 40)).tolist() for _ in range(2000)]
    batch += [[added.vocab_size - 1, 300], [1, 0, 2], *([byte] for byte in range(3, 300))]
    assert added.decode_batch(batch) == inner.decode_batch(batch, skip_special_tokens=True)
    assert pickle.loads(pickle.dumps(added)).decode_batch(batch) == added.decode_batch(batch)


@pytest.mark.parametrize("text", ["", "a dull film", "我很好 😀", "\n\t x", "\ufffd", "e\u0301"])
def test_pieces_join_to_the_text(tokenizer, text):
    ids = tokenizer.encode(text)
    assert "".join(tokenizer.pieces(ids)) == text
    for cut in (ids[:-1], ids[1:], [*ids, tokenizer.eos_token_id]):
        assert "".join(tokenizer.pieces(cut)) == tokenizer.decode(cut)

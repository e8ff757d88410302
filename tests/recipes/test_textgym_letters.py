"""The model of letters is the language that it was fitted to."""

from __future__ import annotations

import numpy as np
import torch

from recipes.textgym_letters import VOCABULARY, language
from textgym import models


def test_the_model_writes_the_language() -> None:
    # random weights miss the probabilities by up to .9
    model, tokenizer = models.load(models.LETTERS)
    assert tokenizer.get_vocab() == VOCABULARY
    target = language(np.random.default_rng(0))  # (V, V)
    tokens = torch.randint(len(VOCABULARY), (32, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        probs = model(input_ids=tokens).logits.softmax(-1)  # (32, 7, V)
    torch.testing.assert_close(probs, target[tokens], atol=0.02, rtol=0)


def test_letters_are_tokens_and_nothing_else_is() -> None:
    tokenizer = models.load_tokenizer(models.LETTERS)
    assert tokenizer.encode(" fa d!") == [7, 2, 5] and tokenizer.decode([7, 2, 0, 5, 1]) == "fad"
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id) == (0, 1, None)

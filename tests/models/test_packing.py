"""Texts that share a row see only themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textgym import models
from textgym.models.packing import hidden_states, pack


@pytest.mark.parametrize("lengths", [[5, 40, 7, 9, 30, 3, 3, 64, 12], [200, 3, 5], [8, 8, 8], [1], [1, 30, 1]])
def test_hidden_states_equal_those_of_each_text_alone(lengths: list[int]) -> None:
    """A leak from a neighbour, or positions that go on counting, would change them by about 1."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 4096, length) for length in lengths]
    trunk = models.load()[0].base_model
    packed, row, column = pack(texts, "cpu")
    with torch.no_grad():
        hidden = hidden_states(trunk, packed)
        for text, r, c in zip(texts, row, column, strict=True):
            alone = trunk(input_ids=torch.as_tensor(text)[None], use_cache=False).last_hidden_state[0]
            torch.testing.assert_close(hidden[r, c : c + len(text)], alone, atol=1e-4, rtol=1e-4)


def test_short_texts_cost_little_padding() -> None:
    """One row each would be 100 x 64 tokens."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 4096, length) for length in [64, *rng.integers(5, 20, 99)]]
    packed, _, _ = pack(texts, "cpu")
    assert packed["input_ids"].numel() < 1.2 * sum(map(len, texts))


def test_texts_of_like_length_need_no_mask() -> None:
    assert "segment" not in pack([np.arange(3, 13)] * 4, "cpu")[0]

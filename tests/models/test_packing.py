"""Texts that share a row see only themselves."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch

from textgym import models
from textgym.models.packing import pack, timestep_states


@pytest.mark.parametrize("lengths", [[5, 40, 7, 9, 30, 3, 3, 64, 12], [200, 3, 5], [8, 8, 8], [1], [1, 30, 1]])
def test_hidden_states_equal_those_of_each_text_alone(lengths: list[int]) -> None:
    """A leak from a neighbour, or positions that go on counting, would change them by about 1."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 4096, length) for length in lengths]
    trunk = models.load()[0].base_model
    for share_rows in (True, False):
        batch = pack(texts, [range(len(text)) for text in texts], "cpu", share_rows=share_rows)
        assert len(batch) == sum(lengths)
        with torch.no_grad():
            hidden = timestep_states(trunk, batch).split(lengths)
            for text, own in zip(texts, hidden, strict=True):
                alone = trunk(input_ids=torch.as_tensor(text)[None], use_cache=False).last_hidden_state[0]
                torch.testing.assert_close(own, alone, atol=1e-4, rtol=1e-4)


def test_short_texts_cost_little_padding() -> None:
    """One row each would be 100 x 64 tokens."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 4096, length) for length in [64, *rng.integers(5, 20, 99)]]
    assert pack(texts, [range(1)] * 100, "cpu").input_ids.numel() < 1.2 * sum(map(len, texts))


def test_texts_of_like_length_need_no_mask() -> None:
    assert pack([np.arange(3, 13)] * 4, [range(1)] * 4, "cpu").segment is None


@pytest.mark.parametrize("share_rows", [True, False])
def test_timesteps_are_where_they_are_said_to_be(share_rows: bool) -> None:
    """Each text's tokens are its own multiples, so that a timestep's token names text and position."""
    lengths, chosen = [30, 4, 7, 3], [range(10, 29), range(3, 4), range(2, 6), range(0)]
    texts = [1000 * (i + 1) + np.arange(length) for i, length in enumerate(lengths)]
    batch = pack(texts, chosen, "cpu", share_rows=share_rows)
    expected = [1000 * (i + 1) + step for i, steps in enumerate(chosen) for step in steps]
    assert batch.input_ids[batch.row, batch.position].tolist() == expected


def test_a_batch_moves_whole() -> None:
    packed = pack([np.arange(3, 90), np.arange(3, 6)], [range(2)] * 2, "cpu")
    batch = replace(packed, allowed=torch.ones(4, 8, dtype=torch.bool)).to("meta")
    assert isinstance(batch, models.PackedBatch)
    assert {getattr(batch, field.name).device.type for field in fields(batch)} == {"meta"}
    with pytest.raises(FrozenInstanceError):
        batch.row = batch.position  # type: ignore[misc]

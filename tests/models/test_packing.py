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


FAMILIES = [(60, [5, 1, 0, 8]), (80, [3]), (60, [2, 4]), (20, [30, 6, 0])]  # tokens of a prompt, and of what follows it


def related_texts() -> tuple[list[np.ndarray], list[int]]:
    """Texts of `FAMILIES`, the members of the families by turns; and the lengths of their prompts."""
    rng = np.random.default_rng(0)
    drawn = [(i, rng.integers(3, 4096, prompt), owns) for i, (prompt, owns) in enumerate(FAMILIES)]
    texts = [
        (turn, i, len(prompt), np.append(prompt, rng.integers(3, 4096, own)))
        for i, prompt, owns in drawn
        for turn, own in enumerate(owns)
    ]
    ordered = sorted(texts, key=lambda text: text[:2])
    return [text for *_, text in ordered], [prompt for *_, prompt, _ in ordered]


@pytest.mark.parametrize("longest", [256, 72])
def test_a_prompt_that_texts_share_is_read_once_and_exactly(longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients of all weights too; what one completion sees of another would change both by about 1."""
    monkeypatch.setattr("textgym.models.packing.FAMILY_LENGTH", longest)
    texts, prompts = related_texts()
    timesteps = [range(prompt - 1, len(text)) for text, prompt in zip(texts, prompts, strict=True)]
    trunk = models.load()[0].base_model.requires_grad_(True)
    found = []
    for shared in (None, prompts):
        batch = pack(texts, timesteps, "cpu", prompts=shared)
        hidden = timestep_states(trunk, batch)
        trunk.zero_grad()
        (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum().backward()
        gradients = torch.cat([weight.grad.flatten() for weight in trunk.parameters() if weight.grad is not None])
        found.append((batch.input_ids.numel(), hidden.detach(), gradients / gradients.norm()))
    (area, hidden, gradients), (area_shared, hidden_shared, gradients_shared) = found
    torch.testing.assert_close(hidden_shared, hidden, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(gradients_shared, gradients, atol=1e-6, rtol=1e-4)
    assert area_shared < area / (1.5 if longest == 256 else 1.25)


def test_prompts_that_cost_little_are_not_shared() -> None:
    """Sixteen long texts after three tokens: the mask would cost more than it saves."""
    texts = [np.append(np.arange(3, 6), np.full(40, 7)) for _ in range(16)]
    assert pack(texts, [range(1)] * 16, "cpu", prompts=[3] * 16).segment is None

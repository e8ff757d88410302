"""One forward pass reads texts that begin beside those that go on, and leaves the model as it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from textgym import models
from textgym.errors import ConfigurationError
from textgym.models.cache import CachedTrunk
from textgym.models.cached_attention import Beginnings, KeyValues, Reading, attend, cached_attention, configurations


def test_a_text_that_several_rows_begin_with_is_read_once_and_held_by_each() -> None:
    ids = torch.tensor([[7, 8, -1], [5, 6, 9], [7, 8, -1], [7, -1, -1]])
    begun = Beginnings.of(ids, rows=torch.tensor([1, 2, 4, 5]), padding=-1)
    assert (begun.n_texts, begun.longest) == (3, 3)
    texts, positions = begun.text.tolist(), begun.position.tolist()
    read = dict(zip(zip(texts, positions, strict=True), begun.tokens.tolist(), strict=True))
    assert read == {(0, 0): 5, (0, 1): 6, (0, 2): 9, (1, 0): 7, (2, 0): 7, (2, 1): 8}
    rows, columns = begun.row.tolist(), begun.column.tolist()
    held = dict(zip(zip(rows, columns, strict=True), begun.tokens[begun.source].tolist(), strict=True))
    assert held == {(1, 0): 7, (1, 1): 8, (2, 0): 5, (2, 1): 6, (2, 2): 9, (4, 0): 7, (4, 1): 8, (5, 0): 7}


def test_rows_that_begin_join_the_step_of_the_others() -> None:
    """Prompts of their own forward pass would be a second one, with padding."""
    model = models.load()[0].base_model
    trunk, read = CachedTrunk(model), []
    model.register_forward_pre_hook(lambda _, __, kwargs: read.append(kwargs["input_ids"].shape), with_kwargs=True)
    ids, lengths = torch.randint(3, 4096, (3, 20)), torch.tensor([6, 3, 8])
    for step in range(3):
        if step == 2:  # the second begins another text
            ids[1], lengths[1] = torch.randint(3, 4096, (20,)), 5 - step
        trunk.last_hidden(ids, (torch.arange(20) < (lengths + step)[:, None]).long())
    assert read == [(1, 5 + 2 + 7 + 3), (1, 3), (1, 4 + 3)]


def test_models_attend_as_before_behind_a_pass_whatever_ends_it() -> None:
    model = models.load()[0].base_model
    configs = configurations(model)
    before = [config._attn_implementation for config in configs]
    with pytest.raises(KeyboardInterrupt), cached_attention(configs):
        assert {config._attn_implementation for config in configs} == {"textgym_cached"}
        raise KeyboardInterrupt
    assert [config._attn_implementation for config in configs] == before == ["sdpa"] * len(configs)


def test_what_is_not_computed_is_refused_by_name() -> None:
    """Without its soft cap, scores of more than 50 would be others."""
    one, layer = torch.ones(1, 1, 1, 4), SimpleNamespace(layer_idx=0)
    reading = Reading(KeyValues(1, 2), torch.tensor([5]), torch.tensor([0]), 1, None)
    torch.testing.assert_close(attend(layer, one, one, one, reading.visible, reading=reading)[0], one)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="its attention asks for s_aux and softcap"):
        attend(layer, one, one, one, reading.visible, reading=reading, softcap=50.0, s_aux=one)  # type: ignore[arg-type]

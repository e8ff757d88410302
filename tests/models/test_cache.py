"""The cached trunk gives what a full forward gives, whatever happens to the rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textgym import models
from textgym.models.cache import CachedTrunk


def full(model: torch.nn.Module, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Hidden states at the last tokens, every row by itself and without padding."""
    with torch.no_grad():
        rows = [
            model(input_ids=ids[None, :n], use_cache=False).last_hidden_state[0, -1]
            for ids, n in zip(input_ids, lengths, strict=True)
        ]
    return torch.stack(rows)


def texts(n: int, steps: int, width: int = 24, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Observations of n rows: prompts of 1 to 6 tokens that grow by a token and restart at random."""
    rng = np.random.default_rng(seed)
    ids, lengths = np.zeros((n, width), np.int64), np.zeros(n, np.int64)
    observations = []
    for step in range(steps):
        for row in range(n):
            if step == 0 or lengths[row] == width or rng.random() < 0.15:
                lengths[row] = rng.integers(1, 7)
                ids[row] = 0
                ids[row, : lengths[row]] = rng.integers(3, 4096, lengths[row])
            else:
                ids[row, lengths[row]] = rng.integers(3, 4096)
                lengths[row] += 1
        observations.append((torch.tensor(ids), torch.tensor(lengths)))
    return observations


@pytest.mark.parametrize("name", ["textgym-tiny", "llama"])
def test_rows_that_restart_at_random(name: str, request: pytest.FixtureRequest) -> None:
    """Positions that were counted per batch, or a mask one column off, would be wrong by more than 0.1."""
    model = models.load(request.getfixturevalue("llama") if name == "llama" else name)[0].base_model
    trunk = CachedTrunk(model)
    for input_ids, lengths in texts(5, 40):
        torch.testing.assert_close(
            trunk.last_hidden(input_ids, lengths), full(model, input_ids, lengths), atol=1e-4, rtol=1e-4
        )


def test_other_batches_in_between_only_cost_time() -> None:
    """As EvalCallback does in the middle of a rollout: other rows, and another number of them."""
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    for (ids, lengths), (other_ids, other_lengths) in zip(texts(4, 12), texts(7, 12, seed=1), strict=True):
        trunk.last_hidden(other_ids, other_lengths)
        trunk.last_hidden(other_ids[:2], other_lengths[:2])
        torch.testing.assert_close(trunk.last_hidden(ids, lengths), full(model, ids, lengths), atol=1e-4, rtol=1e-4)


def test_decodes_one_token_per_step() -> None:
    """Without reuse the model would read 12 prompts of 6 tokens and more."""
    model = models.load()[0].base_model
    trunk, read = CachedTrunk(model), []
    model.register_forward_pre_hook(lambda _, __, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True)
    ids, lengths = torch.randint(3, 4096, (3, 20)), torch.full((3,), 6)
    for step in range(12):
        trunk.last_hidden(ids, lengths + step)
    assert read == [3 * 6] + [3] * 11
    trunk.last_hidden(ids, lengths + 11)
    assert len(read) == 12  # the same observation again is no work at all


def test_an_interrupted_forward_leaves_nothing_half_written() -> None:
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    ids, lengths = torch.randint(3, 4096, (4, 20)), torch.full((4,), 8)
    trunk.last_hidden(ids, lengths)
    other = torch.cat([torch.randint(3, 4096, (2, 20)), ids[2:]])  # two rows begin anew
    hook = model.h[1].register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        trunk.last_hidden(other, lengths)
    hook.remove()
    for step in (8, 9):
        expected = full(model, ids, torch.full((4,), step))
        torch.testing.assert_close(trunk.last_hidden(ids, torch.full((4,), step)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("write", ["optimizer", "load_state_dict", "in place"])
def test_changed_weights_empty_the_cache(write: str) -> None:
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    ids, lengths = torch.randint(3, 4096, (3, 20)), torch.full((3,), 8)
    before = trunk.last_hidden(ids, lengths)
    parameter = next(model.parameters())
    if write == "optimizer":
        model(input_ids=ids).last_hidden_state.pow(2).sum().backward()
        torch.optim.Adam(model.parameters(), lr=1e-2, fused=True).step()
    elif write == "load_state_dict":
        model.load_state_dict({k: v * 1.1 for k, v in model.state_dict().items()})
    else:
        with torch.no_grad():
            parameter.mul_(1.1)
    after = trunk.last_hidden(ids, lengths)
    assert not torch.allclose(before, after, atol=1e-3)
    torch.testing.assert_close(after, full(model, ids, lengths), atol=1e-3, rtol=1e-3)


def test_bfloat16_decodes_with_rounded_weights() -> None:
    model = models.load()[0].base_model
    trunk = CachedTrunk(model, dtype=torch.bfloat16)
    ids, lengths = texts(3, 1)[0]
    hidden = trunk.last_hidden(ids, lengths)
    assert hidden.dtype == torch.bfloat16
    assert next(model.parameters()).dtype == torch.float32
    torch.testing.assert_close(hidden.float(), full(model, ids, lengths), atol=0.3, rtol=0.1)

"""The cached trunk gives what a full forward gives, whatever happens to the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import model_types
from textgym import models
from textgym.errors import ConfigurationError
from textgym.models import CausalLM
from textgym.models.cache import CachedTrunk


def full(model: torch.nn.Module, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Hidden states at the last tokens, every row by itself and without padding."""
    with torch.no_grad():
        rows = [
            model(input_ids=ids[None, :n], use_cache=False).last_hidden_state[0, -1]
            for ids, n in zip(input_ids, lengths, strict=True)
        ]
    return torch.stack(rows)


def last_hidden(trunk: CachedTrunk, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """From the cache, of texts that are padded on the right."""
    return trunk.last_hidden(input_ids, (torch.arange(input_ids.shape[1]) < lengths[:, None]).to(torch.int8))


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
            last_hidden(trunk, input_ids, lengths), full(model, input_ids, lengths), atol=1e-4, rtol=1e-4
        )


def test_equal_prompts_are_read_once() -> None:
    """In rows side by side or apart, at the very beginning or beside rows that go on, with padding of other lengths."""
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    rng = np.random.default_rng(0)
    prompts = torch.tensor(rng.integers(3, 4096, (3, 5)))
    input_ids, lengths = torch.zeros(7, 12, dtype=torch.long), torch.tensor([5, 3, 5, 5, 3, 4, 5])
    for row, prompt in enumerate((0, 1, 0, 0, 1, 2, 0)):
        input_ids[row, : lengths[row]] = prompts[prompt, : lengths[row]]
    begun = last_hidden(trunk, input_ids, lengths)
    torch.testing.assert_close(begun, full(model, input_ids, lengths), atol=1e-4, rtol=1e-4)
    assert trunk.prefilled_tokens == 4 + 2 + 3  # the last token of each row is no part of its prompt
    for step in range(4):  # each goes its own way, and some begin another text half way
        input_ids[torch.arange(7), lengths] = torch.tensor(rng.integers(3, 4096, 7))
        lengths += 1
        if step == 2:  # a text of two rows, one that others hold still, and the beginning of that
            for row, text in ((2, prompts[2].flip(0)), (5, prompts[2].flip(0)), (6, prompts[0]), (1, prompts[0, :3])):
                input_ids[row] = 0
                input_ids[row, : len(text)], lengths[row] = text, len(text)
        grown = last_hidden(trunk, input_ids, lengths)
        torch.testing.assert_close(grown, full(model, input_ids, lengths), atol=1e-4, rtol=1e-4)
    assert trunk.prefilled_tokens == 4 + 2 + 3 + 4


def test_other_batches_in_between_only_cost_time() -> None:
    """As EvalCallback does in the middle of a rollout: other rows, and another number of them."""
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    for (ids, lengths), (other_ids, other_lengths) in zip(texts(4, 12), texts(7, 12, seed=1), strict=True):
        last_hidden(trunk, other_ids, other_lengths)
        last_hidden(trunk, other_ids[:2], other_lengths[:2])
        torch.testing.assert_close(last_hidden(trunk, ids, lengths), full(model, ids, lengths), atol=1e-4, rtol=1e-4)


def test_decodes_one_token_per_step() -> None:
    """Without reuse the model would read 12 prompts of 6 tokens and more."""
    model = models.load()[0].base_model
    trunk, read = CachedTrunk(model), []
    model.register_forward_pre_hook(lambda _, __, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True)
    ids, lengths = torch.randint(3, 4096, (3, 20)), torch.full((3,), 6)
    for step in range(12):
        last_hidden(trunk, ids, lengths + step)
    assert read == [3 * 6] + [3] * 11
    last_hidden(trunk, ids, lengths + 11)
    assert len(read) == 12  # the same observation again is no work at all


def test_an_interrupted_forward_leaves_nothing_half_written() -> None:
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    ids, lengths = torch.randint(3, 4096, (4, 20)), torch.full((4,), 8)
    last_hidden(trunk, ids, lengths)
    other = torch.cat([torch.randint(3, 4096, (2, 20)), ids[2:]])  # two rows begin anew
    hook = model.h[1].register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        last_hidden(trunk, other, lengths)
    hook.remove()
    for step in (8, 9):
        expected = full(model, ids, torch.full((4,), step))
        torch.testing.assert_close(last_hidden(trunk, ids, torch.full((4,), step)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("write", ["optimizer", "load_state_dict", "in place"])
def test_changed_weights_empty_the_cache(write: str) -> None:
    model = models.load()[0].base_model
    trunk = CachedTrunk(model)
    ids, lengths = torch.randint(3, 4096, (3, 20)), torch.full((3,), 8)
    before = last_hidden(trunk, ids, lengths)
    parameter = next(model.parameters())
    if write == "optimizer":
        model(input_ids=ids).last_hidden_state.pow(2).sum().backward()
        torch.optim.Adam(model.parameters(), lr=1e-2, fused=True).step()
    elif write == "load_state_dict":
        model.load_state_dict({k: v * 1.1 for k, v in model.state_dict().items()})
    else:
        with torch.no_grad():
            parameter.mul_(1.1)
    after = last_hidden(trunk, ids, lengths)
    assert not torch.allclose(before, after, atol=1e-3)
    torch.testing.assert_close(after, full(model, ids, lengths), atol=1e-3, rtol=1e-3)


def test_bfloat16_decodes_with_rounded_weights() -> None:
    model = models.load()[0].base_model
    trunk = CachedTrunk(model, dtype=torch.bfloat16)
    ids, lengths = texts(3, 1)[0]
    hidden = last_hidden(trunk, ids, lengths)
    assert hidden.dtype == torch.bfloat16
    assert next(model.parameters()).dtype == torch.float32
    torch.testing.assert_close(hidden.float(), full(model, ids, lengths), atol=0.3, rtol=0.1)


def test_bfloat16_rotates_late_positions_as_float32_does(tmp_path: Path) -> None:
    """Frequencies that were rounded too turned the last ones by a radian: .10 nats per token, in place of .012."""
    name = model_types.write("llama", tmp_path, max_position_embeddings=512, hidden_size=128, head_dim=32)
    lm, ids = CausalLM.load(name), torch.as_tensor(np.random.default_rng(0).integers(3, 4096, (8, 500)))
    expected, rounded = (
        trunk.logits(last_hidden(trunk, ids, torch.full((8,), 500))).log_softmax(1)
        for trunk in (CachedTrunk(lm.trunk, lm.head, dtype) for dtype in (torch.float32, torch.bfloat16))
    )
    kl = (expected.exp() * (expected - rounded)).sum(1).mean()
    assert kl < 0.02


@pytest.mark.parametrize(
    ("masks", "row"),
    [
        ([[0, 0, 1, 1], [1, 1, 1, 0]], 0),  # padded on the left
        ([[1, 1, 0, 0], [1, 0, 1, 0]], 1),  # a hole, as VecFrameStack leaves it
        ([[1, 1, 1, 1], [0, 0, 0, 0]], 1),  # no token at all
    ],
)
def test_texts_that_do_not_begin_on_the_left_are_refused(masks: list[list[int]], row: int) -> None:
    """Their last token was looked for in the wrong column, without a word."""
    trunk = CachedTrunk(models.load()[0].base_model)
    ids = torch.full((2, 4), 7)
    with pytest.raises(ConfigurationError, match=rf"Observation {row} .*VecFrameStack"):
        trunk.last_hidden(ids, torch.tensor(masks, dtype=torch.int8))
    last_hidden(trunk, ids, torch.tensor([3, 3]))
    ids = torch.tensor([[7, 7, 7, 7], [0, 5, 6, 7]])  # the second row begins anew
    with pytest.raises(ConfigurationError, match="padded on the right"):
        trunk.last_hidden(ids, torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]], dtype=torch.int8))

"""Losses against values and gradients computed by hand."""

from __future__ import annotations

import pytest
import torch

from textgym.errors import UnknownNameError
from textgym.sb3 import losses
from textgym.sb3.kl import k1, k2, k3

ADVANTAGES = torch.tensor([1.0, -1.0])


def gradient(loss_of, log_prob: list[float]) -> list[float]:
    leaf = torch.tensor(log_prob, requires_grad=True)
    loss_of(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad.tolist()


def test_ratios_by_hand() -> None:
    old = torch.tensor([-1.0, -2.0, -1.0])
    new = old + torch.tensor([2.0, 0.0, -1.0]).log1p().nan_to_num(neginf=-100.0)  # ratios 3, 1 and 0
    assert losses.token_ratio(new, old).tolist() == pytest.approx([3.0, 1.0, 0.0], abs=1e-6)
    # the first completion has two tokens: the geometric mean of 3 and 1
    found = losses.sequence_ratio(new, old, torch.tensor([0, 0, 1]))
    assert found.tolist() == pytest.approx([3**0.5, 3**0.5, 0.0], abs=1e-6)


def test_every_loss_has_the_policy_gradient_where_the_policy_has_just_sampled() -> None:
    old, sequence = torch.tensor([-0.5, -1.5]), torch.tensor([0, 1])
    for loss_of in (
        lambda new: losses.policy_gradient(new, ADVANTAGES),
        lambda new: losses.ppo_clip(losses.token_ratio(new, old), ADVANTAGES),
        lambda new: losses.ppo_clip(losses.sequence_ratio(new, old, sequence), ADVANTAGES),
        lambda new: losses.dual_clip(losses.token_ratio(new, old), ADVANTAGES),
        lambda new: losses.cispo(losses.token_ratio(new, old), ADVANTAGES, new),
    ):
        assert gradient(loss_of, old.tolist()) == pytest.approx([-1.0, 1.0])


def test_clipping_stops_gains_and_not_losses() -> None:
    # advantage, ratio -> loss
    table = [(1, 1.1, -1.1), (1, 1.5, -1.28), (1, 0.5, -0.5), (-1, 0.5, 0.8), (-1, 1.5, 1.5), (-1, 9.0, 9.0)]
    advantages, ratios, expected = (torch.tensor(column, dtype=torch.float) for column in zip(*table, strict=True))
    found = losses.ppo_clip(ratios, advantages, low=0.2, high=0.28)
    assert torch.allclose(found, expected)
    expected[-1] = 3.0
    assert torch.allclose(losses.dual_clip(ratios, advantages, low=0.2, high=0.28, c=3.0), expected)


def test_gradients_beyond_the_clip() -> None:
    old, log_prob = torch.zeros(2), torch.tensor([2.0, 9.0]).log().tolist()
    clipped = gradient(lambda new: losses.ppo_clip(losses.token_ratio(new, old), ADVANTAGES), log_prob)
    assert clipped == pytest.approx([0.0, 9.0], rel=1e-5)
    dual = gradient(lambda new: losses.dual_clip(losses.token_ratio(new, old), ADVANTAGES), log_prob)
    assert dual == [0.0, 0.0]
    # CISPO: every token keeps a gradient, weighed by the clipped ratio, which has none itself
    kept = gradient(lambda new: losses.cispo(losses.token_ratio(new, old), ADVANTAGES, new, high=0.5), log_prob)
    assert kept == pytest.approx([-1.5, 1.5])


def test_estimators_of_divergence_by_hand() -> None:
    log_ratio = torch.tensor([0.0, 2.0, -1.0])
    assert k1(log_ratio).tolist() == [0.0, 2.0, -1.0]
    assert k2(log_ratio).tolist() == [0.0, 2.0, 0.5]
    assert k3(log_ratio).tolist() == pytest.approx([0.0, 0.13534 + 1, 2.71828 - 2], abs=1e-4)
    assert torch.isfinite(k3(torch.tensor([-1e4]))).all()


def test_weights_by_hand() -> None:
    lengths = torch.tensor([1, 3])
    weights = {name: losses.token_weights(lengths, name, longest=4).tolist() for name in losses.AGGREGATIONS}
    assert weights["token_mean"] == [1 / 4, 1 / 4]
    assert weights["sequence_sum"] == [1 / 2, 1 / 2]
    assert weights["sequence_mean"] == pytest.approx([1 / 2, 1 / 6])
    assert weights["constant"] == [1 / 8, 1 / 8]
    with pytest.raises(UnknownNameError, match="token_mean"):
        losses.token_weights(lengths, "token-mean", longest=4)


def test_every_mean_of_ones_is_one() -> None:
    lengths = torch.tensor([2, 5, 1])
    for name, longest in (("token_mean", 9), ("sequence_mean", 9), ("constant", 5)):
        total = (losses.token_weights(lengths, name, longest) * lengths).sum().item()
        assert total == pytest.approx(8 / 15 if name == "constant" else 1.0)

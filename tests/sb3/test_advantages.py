"""Advantages against values computed by hand, and what their formulas promise."""

from __future__ import annotations

import pytest
import torch

from textgym.sb3 import advantages

SCORES = torch.tensor([[1.0, 0.0, 0.5, 0.5], [3.0, 3.0, 1.0, 1.0]])


def test_returns_by_hand() -> None:
    scores, prices = torch.tensor([[1.0, 0.0]]), torch.tensor([[[0.1, 0.2, 0.3], [0.4, 0.0, 0.0]]])
    to_go = torch.tensor([[[0.4, 0.5, 0.7], [-0.4, 0.0, 0.0]]])
    assert torch.allclose(advantages.returns(scores, prices), to_go)
    summed = torch.tensor([[[0.4] * 3, [-0.4] * 3]])
    assert torch.allclose(advantages.returns(scores, prices, to_go=False), summed)


def test_advantages_by_hand() -> None:
    # group 2: mean 2, deviations ±1, the sample's standard deviation sqrt(4/3); over G it would be 1
    assert torch.allclose(advantages.reinforce(SCORES, 1.0)[1], torch.tensor([2.0, 2.0, 0.0, 0.0]))
    assert torch.allclose(advantages.dr_grpo(SCORES)[1], torch.tensor([1.0, 1.0, -1.0, -1.0]))
    assert torch.allclose(advantages.rloo(SCORES)[0], torch.tensor([2 / 3, -2 / 3, 0.0, 0.0]))
    assert torch.allclose(advantages.grpo(SCORES)[1, 0], torch.tensor(3**0.5 / 2), atol=2e-4)


def test_leave_one_out_is_the_score_less_the_mean_of_the_others() -> None:
    found = advantages.rloo(SCORES)
    for k, scores in enumerate(SCORES.tolist()):
        others = [(sum(scores) - score) / 3 for score in scores]
        assert found[k].tolist() == pytest.approx([score - other for score, other in zip(scores, others, strict=True)])
    assert torch.allclose(found.sum(1), torch.zeros(2), atol=1e-6)


@pytest.mark.parametrize("advantage", [advantages.rloo, advantages.grpo, advantages.dr_grpo])
def test_tokens_are_compared_with_those_at_the_same_place(advantage) -> None:
    returns = torch.stack((SCORES, 2 * SCORES), 2)  # (K, G, 2)
    found = advantage(returns)
    assert torch.equal(found[..., 0], advantage(SCORES)) and torch.equal(found[..., 1], advantage(2 * SCORES))


def test_equal_completions_have_no_advantage_whatever_their_score() -> None:
    # divided by a standard deviation of 0 they would be NaN
    equal = torch.full((1, 4), 0.3)
    for advantage in (advantages.rloo, advantages.grpo, advantages.dr_grpo):
        assert torch.allclose(advantage(equal), torch.zeros(1, 4), atol=1e-3)


def test_components_are_normalised_apart() -> None:
    # (1, 0) and (0, 1) add up to one reward, but the second component tells them apart where it is weighted more
    rewards = {"format": torch.tensor([[1.0, 0.0, 0.0]]), "answer": torch.tensor([[0.0, 100.0, 0.0]])}
    found = advantages.gdpo(rewards, {"format": 1.0, "answer": 1.0})
    # each: deviations (2/3, -1/3, -1/3) over sqrt(1/3); the sum: 1/3, 1/3, -2/3 over it
    assert found[0].tolist() == pytest.approx([3**-0.5, 3**-0.5, -2 * 3**-0.5], abs=2e-3)
    assert not torch.allclose(found, advantages.grpo(rewards["format"] + rewards["answer"]), atol=0.1)
    doubled = advantages.gdpo(rewards, {"format": 1.0, "answer": 2.0})
    assert torch.allclose(doubled - found, advantages.grpo(rewards["answer"]))


def test_whitened_advantages_have_mean_0_and_deviation_1() -> None:
    found = advantages.whiten(torch.arange(5.0))
    assert found.mean().item() == pytest.approx(0, abs=1e-6) and found.std().item() == pytest.approx(1, abs=1e-3)


def test_groups_are_dropped_by_their_variance_and_not_their_mean() -> None:
    scores = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.4, 0.4], [0.0, 1.0], [0.4, 0.5]])
    # by the mean, DAPO's words for right and wrong answers, the third would be kept
    assert advantages.varied(scores).tolist() == [False, False, False, True, True]
    assert advantages.varied(torch.full((1, 3), 0.1)).tolist() == [False]

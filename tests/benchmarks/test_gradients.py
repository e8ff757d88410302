"""The table of expected gradients, on completions of two tokens: the right estimators are, and wrong ones show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from benchmarks import gradients

TO_GO, SUM = gradients.KL_IN_REWARD


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = gradients.compare(seed=1, n_tokens=2)
    return {(row["advantage"], row["kl"], row["aggregation"]): row for row in rows}


@pytest.mark.parametrize("advantages", ["REINFORCE, no baseline", "RLOO"])
@pytest.mark.parametrize("kl", [TO_GO, SUM])
@pytest.mark.parametrize(("aggregation", "length"), [("sequence_sum", 1.0), ("constant", 0.5)])
def test_these_are_the_true_gradient(table, advantages: str, kl: str, aggregation: str, length: float) -> None:
    row = table[advantages, kl, aggregation]
    assert row["cosine"] == pytest.approx(1, abs=1e-9) and row["length"] == pytest.approx(length, abs=1e-9)


@pytest.mark.parametrize("advantages", ["Dr. GRPO", "REINFORCE, mean of the batch"])
def test_a_mean_that_holds_the_completion_itself_shortens_alone(table, advantages: str) -> None:
    # the completion's share of its own baseline: (G - 1) / G is left, with pairs a half
    row = table[advantages, TO_GO, "sequence_sum"]
    assert row["cosine"] == pytest.approx(1, abs=1e-9) and row["length"] == pytest.approx(0.5, abs=1e-9)


def test_the_divergence_alone(table) -> None:
    # in the loss k1 has no gradient at all, and k2 and k3 leave out what a token does to the divergence of later ones
    def alone(kl: str) -> dict[str, Any]:
        return table[gradients.DIVERGENCE_ALONE, kl, "sequence_sum"]

    assert alone(TO_GO)["cosine"] == alone(SUM)["cosine"] == pytest.approx(1, abs=1e-9)
    assert alone("k1 in the loss")["cosine"] is None and alone("k1 in the loss")["length"] < 1e-12
    assert 0 < alone("k2 in the loss")["cosine"] < 0.999 and 0 < alone("k3 in the loss")["cosine"] < 0.999


@pytest.mark.parametrize("kl", [TO_GO, SUM])
@pytest.mark.parametrize("aggregation", ["token_mean", "sequence_mean"])
def test_weights_by_length_bend_the_gradient(table, kl: str, aggregation: str) -> None:
    assert table["RLOO", kl, aggregation]["cosine"] < 0.999


def test_in_texts_of_one_token_k2_is_the_divergences_gradient() -> None:
    # nothing comes later that could be left out: E[log ratio * grad log pi] is the gradient of KL
    rows = gradients.compare(seed=1, n_tokens=1)
    k2 = next(row for row in rows if row["kl"] == "k2 in the loss")
    assert k2["cosine"] == pytest.approx(1, abs=1e-9) and k2["length"] == pytest.approx(1, abs=1e-9)


def test_the_expectation_is_that_of_drawn_groups() -> None:
    # 20,000 pairs drawn from the policy, one by one as algorithms do: within six standard errors
    pairs = gradients.Pairs.of(seed=2, n_tokens=1)
    task = replace(pairs.task, reference=pairs.logits.detach().log_softmax(2))  # no divergence to be paid
    pairs = gradients.Pairs(task, pairs.logits)
    probs = task.probs(pairs.logits.log_softmax(2))[0].detach()
    drawn = torch.multinomial(probs, 40_000, replacement=True, generator=torch.Generator().manual_seed(0)).view(-1, 2)
    advantages = gradients.ADVANTAGES["GRPO"](task.rewards[0][drawn][:, :, None])[:, :, 0]  # (K, G)
    score = torch.eye(gradients.VOCAB_SIZE, dtype=torch.float64)[task.completions.tokens[:, 0]] - probs_of(pairs)
    per_pair = (advantages[:, :, None] * score[drawn]).mean(1)  # (K, V)
    own = pairs.expected_gradient("GRPO", TO_GO, "sequence_sum")
    assert own.norm() > 0.05
    assert ((per_pair.mean(0) - own).abs() < 6 * per_pair.std(0) / len(drawn) ** 0.5 + 1e-12).all()


def probs_of(pairs: gradients.Pairs) -> torch.Tensor:
    """Of the first token, (V,)."""
    return pairs.logits.detach().softmax(2)[0, 0]

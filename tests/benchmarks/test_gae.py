"""The claims of the GAE paper, as identities on completions of two tokens."""

from __future__ import annotations

import pytest
import torch

from benchmarks import gae
from textgym.checks import exact


@pytest.fixture(scope="module")
def task() -> exact.Solvable:
    return exact.Solvable.of(gae.ENV_ID, beta=gae.BETA, max_new_tokens=3)


@pytest.fixture(scope="module")
def policy(task: exact.Solvable) -> torch.Tensor:
    return gae.half_way(task)


def figures(task: exact.Solvable, policy: torch.Tensor, values: torch.Tensor, lam: float) -> dict[str, float]:
    return gae.bias_and_variance(task, policy, gae.gae(task, policy, values, lam))


def test_the_whole_return_has_no_bias_whatever_the_critic(task: exact.Solvable, policy: torch.Tensor) -> None:
    # lambda 1 is the return less a baseline
    noise = torch.randn(task.values(policy).shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert figures(task, policy, noise, 1.0)["bias"] == pytest.approx(0, abs=1e-12)
    assert figures(task, policy, noise, 0.5)["bias"] > 0.01
    zero = torch.zeros_like(noise)
    torch.testing.assert_close(gae.gae(task, policy, zero, 1.0), task.returns_to_go(policy))


def test_an_exact_critic_has_no_bias_and_most_variance_at_lambda_1(task: exact.Solvable, policy: torch.Tensor) -> None:
    # with one step of it nothing is random: the next prefix is known when the token is
    values = task.values(policy)
    of_lambda = [figures(task, policy, values, lam) for lam in gae.LAMBDAS]
    assert max(abs(each["bias"]) for each in of_lambda) < 1e-12
    variances = [each["variance"] for each in of_lambda]
    assert variances == sorted(variances) and variances[0] == pytest.approx(0, abs=1e-12) and variances[-1] > 0.5


def test_an_estimate_that_adds_one_number_to_a_prefix_is_noise_and_no_bias(
    task: exact.Solvable, policy: torch.Tensor
) -> None:
    estimates = gae.gae(task, policy, task.values(policy), 0.0) + 1.0
    found = gae.bias_and_variance(task, policy, estimates)
    assert found["bias"] == pytest.approx(0, abs=1e-12) and found["variance"] > 1

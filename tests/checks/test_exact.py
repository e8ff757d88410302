"""Enumeration against brute force, and the identities that only right formulas satisfy."""

from __future__ import annotations

import itertools
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from textgym.checks import exact
from textgym.errors import ConfigurationError
from textgym.models import CausalLM
from textgym.models.packing import pack

ENV_ID = "TextGen-Solvable-v0"
P, V, T, BETA = 2, 4, 3, 0.3  # two tokens of four end a completion


def random_table(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (1.5 * torch.randn(shape, generator=generator, dtype=torch.float64)).log_softmax(-1)


@pytest.fixture(scope="module")
def task() -> exact.Solvable:
    every = exact.enumerate_completions(V, [0, 2], T)
    rewards = torch.rand(P, len(every), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return exact.Solvable(every, [[1], [3]], rewards, random_table(1, (P, len(every.prefixes), V)), BETA)


@pytest.fixture(scope="module")
def policy(task: exact.Solvable) -> torch.Tensor:
    return random_table(2, tuple(task.reference.shape))


@pytest.fixture(scope="module")
def toy() -> exact.Solvable:
    return exact.Solvable.of(ENV_ID, beta=0.1, max_new_tokens=2)


def by_recursion(task: exact.Solvable, policy: torch.Tensor, p: int, prefix: tuple[int, ...]) -> float:
    """The value of a prefix, from Bellman's equation."""
    at = list(task.completions.prefixes).index(prefix)
    value = 0.0
    for token in range(V):
        own, reference = policy[p, at, token].item(), task.reference[p, at, token].item()
        text = (*prefix, token)
        if token in (0, 2) or len(text) == T:
            ids = [*prefix] if token in (0, 2) else [*text]
            matching = [
                i
                for i, written in enumerate(task.completions.ids)
                if written == ids and task.completions.tokens[i, len(prefix)] == token
            ]
            (found,) = matching
            later = task.rewards[p, found].item()
        else:
            later = by_recursion(task, policy, p, text)
        value += np.exp(own) * (later - BETA * (own - reference))
    return value


def test_completions_are_all_texts_and_each_once() -> None:
    # of 4 ** 3 = 64 sequences those that agree up to the first EOS are one completion
    every = exact.enumerate_completions(V, [0, 2], T)
    expected = set()
    for text in itertools.product(range(V), repeat=T):
        end = next((i for i, token in enumerate(text) if token in (0, 2)), T - 1)
        expected.add(text[: end + 1])
    written = [
        tuple(row[: int(n)]) for row, n in zip(every.tokens.tolist(), every.written.sum(1).tolist(), strict=True)
    ]
    assert len(written) == len(expected) and set(written) == expected
    assert len(every.prefixes) == 1 + 2 + 4


def test_probabilities_sum_to_one(task: exact.Solvable, policy: torch.Tensor) -> None:
    # behind an EOS nothing is paid or counted; else the sum would be below 1
    torch.testing.assert_close(task.probs(policy).sum(1), torch.ones(P, dtype=torch.float64))


def test_values_are_bellmans(task: exact.Solvable, policy: torch.Tensor) -> None:
    values = task.values(policy)
    for p in range(P):
        for i, prefix in enumerate(task.completions.prefixes):
            assert values[p, i].item() == pytest.approx(by_recursion(task, policy, p, prefix))
    assert task.objective(policy).item() == pytest.approx(values[:, 0].mean().item())


def test_the_optimum_is_beta_log_z_and_nobody_is_better(task: exact.Solvable, policy: torch.Tensor) -> None:
    # J(pi) = J* - beta KL(pi || pi*) for every policy, so that no other reaches it
    best = task.optimal_policy()
    torch.testing.assert_close(best.exp().sum(2), torch.ones_like(best[:, :, 0]))
    weights = task.probs(task.reference) * (task.rewards / BETA).exp()
    assert task.optimum() == pytest.approx((BETA * weights.sum(1).log()).mean().item())
    torch.testing.assert_close(task.probs(best), weights / weights.sum(1, keepdim=True))
    assert task.objective(best).item() == pytest.approx(task.optimum())
    divergence = task.expectation(policy, (task.token_log_probs(policy) - task.token_log_probs(best)).sum(2))
    assert task.objective(policy).item() == pytest.approx(task.optimum() - BETA * divergence.item())
    assert task.regret(best).item() == pytest.approx(0, abs=1e-12) and task.regret(task.reference).item() == 1.0


def test_the_gradient_at_the_optimum_is_zero_and_elsewhere_not(task: exact.Solvable, policy: torch.Tensor) -> None:
    def norm(table: torch.Tensor) -> float:
        logits = table.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(task.objective(logits.log_softmax(2)), logits)
        return gradient.norm().item()

    assert norm(task.optimal_policy()) < 1e-12 < 0.01 < norm(policy)


def test_at_the_optimum_all_completions_of_a_prompt_return_the_same(task: exact.Solvable, policy: torch.Tensor) -> None:
    # and all tokens after a prefix: so a gradient estimated there has no noise
    best = task.optimal_policy()
    whole = task.returns_to_go(best)[:, :, 0]  # (P, N)
    torch.testing.assert_close(whole, task.values(best)[:, :1].expand_as(whole))
    assert task.advantages(best).abs().max() < 1e-12
    assert task.returns_to_go(policy)[:, :, 0].std(1).min() > 0.1


def test_advantages_telescope_to_the_return(task: exact.Solvable, policy: torch.Tensor) -> None:
    # nothing but the policy is random: what a completion earns is V(prompt) and the advantages of its tokens
    every, advantages = task.completions, task.advantages(policy)
    along = torch.where(every.written, advantages[:, every.prefix, every.tokens], 0.0)  # (P, N, T)
    expected = task.returns_to_go(policy)[:, :, 0]
    torch.testing.assert_close(task.values(policy)[:, :1] + along.sum(2), expected)
    torch.testing.assert_close((policy.exp() * advantages).sum(2), torch.zeros_like(advantages[:, :, 0]))


def test_divergence_of_texts_is_that_of_their_tokens(task: exact.Solvable, policy: torch.Tensor) -> None:
    # the chain rule; a mean over tokens instead of a sum would be half of it
    per_prefix = (policy.exp() * (policy - task.reference)).sum(2)
    assert task.kl(policy).item() == pytest.approx((task.visits(policy) * per_prefix).sum(1).mean().item())


def test_the_frontier_is_on_top(task: exact.Solvable, policy: torch.Tensor) -> None:
    # reward rises with divergence, ever more slowly, and the policy is below the line
    points = task.frontier([4.0, 1.0, 0.5, 0.3, 0.1, 0.01, 0.001])
    kl, reward = np.array(points).T
    slopes = np.diff(reward) / np.diff(kl)
    assert (np.diff(kl) > 0).all() and (np.diff(slopes) < 0).all() and (slopes > 0).all()
    assert reward[-1] == pytest.approx(task.rewards.max(1).values.mean().item(), abs=1e-6)
    own_kl, own_reward = task.kl(policy).item(), task.reward(policy).item()
    assert np.interp(own_kl, kl, reward) > own_reward


def test_the_task_is_the_environments(toy: exact.Solvable) -> None:
    # every completion played token by token; a reward of text without its EOS, or of another prompt, would differ
    env = gym.make(ENV_ID, max_new_tokens=2)
    assert len(toy.completions) == 57 and len(toy.prompts) == 4
    for p, prompt in enumerate(toy.prompts):
        for i, (tokens, written) in enumerate(zip(toy.completions.tokens, toy.completions.written, strict=True)):
            observation, _ = env.reset(options={"index": p})
            assert observation["input_ids"][: len(prompt)].tolist() == list(prompt)
            for token in tokens[written].tolist():
                *_, reward, over, _, _ = env.step(token)
            assert over and reward == toy.rewards[p, i]


def test_a_policy_is_tabulated_as_it_reads_each_prefix_alone(toy: exact.Solvable) -> None:
    model = CausalLM.load("textgym-letters")
    for p, prompt in enumerate(toy.prompts):
        for i, prefix in enumerate(toy.completions.prefixes):
            text = np.array([*prompt, *prefix])
            alone = exact.log_probs_of(model)(pack([text], [range(len(text) - 1, len(text))], "cpu"))
            torch.testing.assert_close(toy.reference[p, i], alone[0].double(), atol=1e-6, rtol=0)


def test_the_gradient_is_that_of_finite_differences(toy: exact.Solvable) -> None:
    model = CausalLM.load("textgym-letters")
    model.model.double().requires_grad_(True)
    bias = model.model.transformer.h[0].mlp.c_proj.bias
    gradient = toy.gradient(exact.log_probs_of(model), [bias])
    for i in (0, 7):
        values = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                bias[i] += step
                values.append(toy.objective(toy.tabulate(exact.log_probs_of(model))).item())
                bias[i] -= step
        assert gradient[i].item() == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)


def test_a_forbidden_token_costs_nothing(toy: exact.Solvable) -> None:
    # 0 * log 0 is 0: a masked policy has an objective and a gradient
    table = toy.tabulate(lambda batch: toy.reference.flatten(0, 1).index_fill(1, torch.tensor([0]), -torch.inf))
    assert torch.isfinite(toy.objective(table)) and torch.isfinite(toy.advantages(table)[:, :, 1:]).all()


def test_a_mask_leaves_the_other_tokens_their_shares(task: exact.Solvable, policy: torch.Tensor) -> None:
    table = exact.among(policy, torch.tensor([True, True, True, False]))
    assert table[:, :, 3].exp().max() == 0
    torch.testing.assert_close(table[:, :, :3], policy[:, :, :3].log_softmax(2))
    masked = replace(task, reference=exact.among(task.reference, torch.tensor([True, True, True, False])))
    assert float(masked.objective(table)) < masked.optimum()
    assert float(masked.regret(masked.optimal_policy())) == pytest.approx(0, abs=1e-9)


def test_what_cannot_be_enumerated_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"TextGen-Arithmetic-v0 has more than .* give it fewer max_new"):
        exact.Solvable.of("TextGen-Arithmetic-v0", beta=0.1)
    with pytest.raises(ConfigurationError, match="beta=0"):
        exact.Solvable.of(ENV_ID, beta=0.0)

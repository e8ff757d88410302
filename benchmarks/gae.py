"""Bias and variance of generalised advantage estimation, against exact advantages: ``python -m benchmarks.gae``.

J. Schulman et al. (2016), High-dimensional continuous control using generalized advantage estimation: lambda trades the
variance of long returns for the bias of a critic that is wrong. Here both are sums over all completions of
``TextGen-Solvable-v0``, for a policy half way from the reference to the optimum, and three critics: the exact values, a
transformer that learned them from sampled returns, and none (0 everywhere).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from benchmarks.results_io import ROOT, write_measurements
from textgym import models
from textgym.checks import exact
from textgym.models import CausalLM
from textgym.models.packing import PackedBatch

ENV_ID, BETA = "TextGen-Solvable-v0", 0.1
LAMBDAS = (0.0, 0.5, 0.9, 0.95, 1.0)
SAMPLES, STEPS = 1024, 200  # completions that the critic learns from, and its steps over all of them
console = Console()


def half_way(task: exact.Solvable) -> torch.Tensor:
    """A policy between the reference and the optimum, token by token, (P, M, V)."""
    return (0.5 * task.reference + 0.5 * task.optimal_policy()).log_softmax(2)


def gae(task: exact.Solvable, policy: torch.Tensor, values: torch.Tensor, lam: float) -> torch.Tensor:
    """The estimate for each token of each completion (the paper's equation 16, with gamma 1), (P, N, T).

    Args:
        task: The task.
        policy: The sampler, (P, M, V).
        values: The critic's, of each prefix, (P, M).
        lam: Lambda.
    """
    every = task.completions
    lengths = every.written.sum(1)
    last = torch.arange(every.tokens.shape[1]) == lengths[:, None] - 1  # (N, T)
    before = torch.where(every.written, values[:, every.prefix], 0.0)  # (P, N, T)
    after = torch.cat([before[:, :, 1:], torch.zeros_like(before[:, :, :1])], 2)
    rewards = torch.where(last, task.rewards[:, :, None], 0.0) - task.beta * task.log_ratios(policy)
    errors = rewards + after - before
    advantages = torch.zeros_like(errors)
    following = torch.zeros_like(errors[:, :, 0])
    for t in reversed(range(errors.shape[2])):
        following = errors[:, :, t] + lam * following
        advantages[:, :, t] = following
    return advantages


def bias_and_variance(task: exact.Solvable, policy: torch.Tensor, estimates: torch.Tensor) -> dict[str, float]:
    """Of estimates (P, N, T), both as shares of the exact advantages' mean square, over the tokens that are sampled.

    The bias is squared. What an estimate adds to all tokens after a prefix alike bends no gradient (it is a baseline):
    it counts as variance, for it is noise in the gradient of a sample.
    """
    every, exact_advantages = task.completions, task.advantages(policy)  # (P, M, V)
    probs = task.probs(policy)[:, :, None]  # (P, N, 1)
    frequency = task.sum_by_action(probs * every.written)  # (P, M, V)
    expected = task.sum_by_action(probs * estimates) / frequency.clamp_min(1e-300)
    centred = expected - (policy.exp() * expected).sum(2, keepdim=True)
    bias = (frequency * (centred - exact_advantages) ** 2).sum()
    along = torch.where(every.written, exact_advantages[:, every.prefix, every.tokens], 0.0)  # (P, N, T)
    error = (probs * every.written * (estimates - along) ** 2).sum()
    scale = (frequency * exact_advantages**2).sum()
    return {"bias": (bias / scale).item(), "variance": ((error - bias) / scale).item()}


def learned_values(task: exact.Solvable, policy: torch.Tensor, seed: int) -> torch.Tensor:
    """What a critic says, (P, M), that was fitted to the returns of completions that the policy wrote."""
    torch.manual_seed(seed)
    every, returns = task.completions, task.returns_to_go(policy)
    trunk = CausalLM.load(models.LETTERS)
    trunk.model.requires_grad_(True)
    head = nn.Linear(trunk.head.in_features, 1)
    n_each = SAMPLES // len(task.prompts)
    drawn = torch.multinomial(task.probs(policy), n_each, replacement=True)  # (P, n)
    written = every.written[drawn]  # (P, n, T)
    prefix = every.prefix[drawn] + len(every.prefixes) * torch.arange(len(task.prompts))[:, None, None]
    targets = torch.stack([own[chosen] for own, chosen in zip(returns, drawn, strict=True)])  # (P, n, T)
    optimizer = torch.optim.Adam([*trunk.trained_parameters(), *head.parameters()], lr=3e-3)

    def critic(batch: PackedBatch) -> torch.Tensor:
        return head(trunk.states(batch))

    for _ in range(STEPS):
        values = task.tabulate(critic).flatten()  # (P * M,)
        loss = ((values[prefix] - targets) ** 2)[written].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return task.tabulate(critic)[:, :, 0]


def measure(seed: int, **env_kwargs: Any) -> list[dict[str, Any]]:
    """All lambdas and critics."""
    task = exact.Solvable.of(ENV_ID, beta=BETA, **env_kwargs)
    policy = half_way(task)
    true = task.values(policy)
    critics = {"exact": true, "learned": learned_values(task, policy, seed), "zero": torch.zeros_like(true)}
    rows = []
    for critic, values in critics.items():
        for lam in LAMBDAS:
            figures = bias_and_variance(task, policy, gae(task, policy, values, lam))
            rows.append({"critic": critic, "lambda": lam} | {name: round(x, 4) for name, x in figures.items()})
    return rows


def draw(measured: list[dict[str, Any]], path: Path) -> None:
    """Bias and variance over lambda, a line for each critic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("bias", "variance"), strict=True):
        for critic in dict.fromkeys(row["critic"] for row in measured):
            own = [row for row in measured if row["critic"] == critic]
            axes.plot([row["lambda"] for row in own], [row[name] for row in own], marker="o", label=f"{critic} critic")
        axes.set(xlabel="lambda", title={"bias": "squared bias", "variance": "variance"}[name])
        axes.set_yscale("symlog", linthresh=0.1)  # linear below, for some are 0
        axes.set_ylim(-0.01, 2 * max(row[name] for row in measured))  # so that no marker is on the frame
    axes.legend()
    figure.axes[0].set_ylabel("in units of E[A²]")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Compute, draw, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the learned critic")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "gae.json")
    arguments = parser.parse_args()
    measured = measure(arguments.seed)
    for row in measured:
        console.print(", ".join(f"{key} {value}" for key, value in row.items()), highlight=False)
    write_measurements(arguments.output, "python -m benchmarks.gae", measured)
    draw(measured, arguments.output.with_suffix(".png"))
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()

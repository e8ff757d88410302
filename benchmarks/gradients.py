"""What estimators of the policy gradient expect, against the exact gradient: ``python -m benchmarks.gradients``.

A policy over all completions of four tokens out of four, another policy as the reference, and random scores: every
group of completions that could be sampled is enumerated, so that the expected gradient of each loss is a sum, without
noise. It is compared with the gradient of J = E[r] - beta KL (`textgym.checks.exact`) by its direction and its length.
On-policy: it is the first step after a rollout, where ratios are 1 and nothing is clipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.results_io import ROOT, write_measurements
from textgym.checks import exact
from textgym.sb3 import advantages as adv
from textgym.sb3 import losses
from textgym.sb3.kl import k1, k2, k3

VOCAB_SIZE, EOS, TOKENS, BETA = 4, 0, 4, 0.5
GROUP = 2  # completions that are compared: all pairs are enumerated
console = Console()

DIVERGENCE_ALONE = "divergence alone"
KL_IN_REWARD = {"k1 in the reward-to-go": True, "k1 in the reward's sum": False}  # whether prices are to go
KL_IN_LOSS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "k1 in the loss": k1,
    "k2 in the loss": k2,
    "k3 in the loss": k3,
}
ADVANTAGES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "REINFORCE, no baseline": adv.reinforce,
    "REINFORCE, mean of the batch": lambda returns: adv.reinforce(returns, returns.mean(1, keepdim=True)),
    "RLOO": adv.rloo,
    "GRPO": adv.grpo,
    "Dr. GRPO": adv.dr_grpo,
}


@dataclass(frozen=True)
class Pairs:
    """All groups of two completions of one task, each completion of which is drawn from the policy.

    Attributes:
        task: The task, of one prompt.
        logits: The policy's parameters, (1, M, V), of which gradients are taken.
    """

    task: exact.Solvable
    logits: torch.Tensor

    @classmethod
    def of(cls, seed: int, n_tokens: int = TOKENS) -> Pairs:
        """A random task and policy."""
        generator = torch.Generator().manual_seed(seed)
        every = exact.enumerate_completions(VOCAB_SIZE, [EOS], n_tokens)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        shape = (1, len(every.prefixes), VOCAB_SIZE)
        task = exact.Solvable(every, [[1]], normal(1, len(every)), normal(*shape).log_softmax(2), BETA)
        return cls(task, normal(*shape).requires_grad_())

    def true_gradient(self) -> torch.Tensor:
        """Of the objective, flat."""
        (gradient,) = torch.autograd.grad(self.task.objective(self.logits.log_softmax(2)), self.logits)
        return gradient.flatten()

    def expected_gradient(self, advantages: str, kl: str, aggregation: str) -> torch.Tensor:
        """What a step of gradient ascent on a batch of one group does on average, flat."""
        task, every = self.task, self.task.completions
        policy = self.logits.log_softmax(2)
        log_probs = task.token_log_probs(policy)[0]  # (N, T)
        log_ratios = log_probs - task.token_log_probs(task.reference)[0]
        probs = task.probs(policy)[0].detach()  # (N,)
        pairs = torch.cartesian_prod(*[torch.arange(len(every))] * GROUP)  # (K, G), K = N * N
        chances = probs[pairs].prod(1)  # (K,)

        prices = BETA * k1(log_ratios.detach()) if kl in KL_IN_REWARD else torch.zeros_like(log_ratios)
        returns = adv.returns(task.rewards[0][pairs], prices[pairs], to_go=KL_IN_REWARD.get(kl, True))  # (K, G, T)
        loss = losses.policy_gradient(log_probs[pairs], ADVANTAGES[advantages](returns))
        if kl in KL_IN_LOSS:
            loss = loss + BETA * KL_IN_LOSS[kl](log_ratios)[pairs]
        lengths, same = every.written.sum(1)[pairs].unique(dim=0, return_inverse=True)  # (U, G), (K,)
        longest = every.tokens.shape[1]
        weights = torch.stack([losses.token_weights(own, aggregation, longest) for own in lengths])[same]  # (K, G)
        expected = (chances[:, None, None] * weights[:, :, None] * loss * every.written[pairs]).sum()
        (gradient,) = torch.autograd.grad(-expected, self.logits)
        return gradient.flatten()


def compare(seed: int, n_tokens: int = TOKENS) -> list[dict[str, Any]]:
    """Cosine and length ratio of every advantage, place of the divergence and aggregation.

    First of the divergence alone, where all scores are 0; a gradient of length 0 has no cosine.
    """
    scored = Pairs.of(seed, n_tokens)
    unscored = Pairs(replace(scored.task, rewards=torch.zeros_like(scored.task.rewards)), scored.logits)
    kls = (*KL_IN_REWARD, *KL_IN_LOSS)
    rows = [row(unscored, DIVERGENCE_ALONE, "REINFORCE, no baseline", kl, "sequence_sum") for kl in kls]
    for advantages, kl, aggregation in product(ADVANTAGES, kls, losses.AGGREGATIONS):
        rows.append(row(scored, advantages, advantages, kl, aggregation))
    return rows


def row(pairs: Pairs, label: str, advantages: str, kl: str, aggregation: str) -> dict[str, Any]:
    """One line of the table."""
    true, own = pairs.true_gradient(), pairs.expected_gradient(advantages, kl, aggregation)
    length = (own.norm() / true.norm()).item()
    cosine = None if length < 1e-9 else torch.nn.functional.cosine_similarity(own, true, dim=0).item()
    return {"advantage": label, "kl": kl, "aggregation": aggregation, "cosine": cosine, "length": length}


def measure(seeds: list[int]) -> list[dict[str, Any]]:
    """The means over random tasks, and the lowest cosine."""
    rows = []
    for same in zip(*map(compare, seeds), strict=True):
        cosines, lengths = ([each[name] for each in same] for name in ("cosine", "length"))
        has_direction = None not in cosines
        figures = {
            "cosine": round(sum(cosines) / len(same), 4) if has_direction else None,
            "lowest cosine": round(min(cosines), 4) if has_direction else None,
            "length": round(sum(lengths) / len(same), 4),
            "n": len(same),
        }
        rows.append({name: same[0][name] for name in ("advantage", "kl", "aggregation")} | figures)
    return rows


def main() -> None:
    """Compute and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(10)], help="of the random tasks")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "gradients.json")
    arguments = parser.parse_args()
    measured = measure(arguments.seeds)
    for row in measured:
        console.print(", ".join(f"{key} {value}" for key, value in row.items()), highlight=False)
    write_measurements(arguments.output, "python -m benchmarks.gradients", measured)
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()

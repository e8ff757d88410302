"""Advantages without a critic: what a completion is worth, against the others of its prompt or of its batch.

K prompts have G completions each, of at most T tokens. A return is a tensor of shape (K, G), one number for each
completion, or (K, G, T), one for each token (`returns`); both are compared along dimension 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

EPSILON = 1e-4  # added to standard deviations, as in TRL


def returns(scores: torch.Tensor, prices: torch.Tensor, to_go: bool = True) -> torch.Tensor:
    """The return of every token, (K, G, T): its completion's score, less the prices that the completion pays.

    Args:
        scores: Of the completions, (K, G).
        prices: What each token costs, such as ``beta * k1``, (K, G, T), and 0 behind the end.
        to_go: Whether a token answers for the prices from its own on (Sutton and Barto, 2018, section 13.3), or for
            all of its completion's: ``R_t = s - sum_{u >= t} c_u`` or ``R_t = s - sum_u c_u``.
    """
    later = prices.flip(2).cumsum(2).flip(2) if to_go else prices.sum(2, keepdim=True).expand_as(prices)
    return scores[:, :, None] - later


def reinforce(returns: torch.Tensor, baseline: float | torch.Tensor = 0.0) -> torch.Tensor:
    """``A = R - b`` (Williams, 1992, "Simple Statistical Gradient-Following Algorithms").

    >>> reinforce(torch.tensor([[1.0, 0.0]]), baseline=0.5)
    tensor([[ 0.5000, -0.5000]])
    """
    return returns - baseline


def rloo(returns: torch.Tensor) -> torch.Tensor:
    """Leave one out: ``A_i = R_i - 1/(G-1) sum_{j != i} R_j`` (Ahmadian et al., 2024, "Back to Basics").

    The others' mean is a baseline that does not depend on the completion, so that the gradient has no bias.

    >>> rloo(torch.tensor([[1.0, 0.0, 0.0]]))
    tensor([[ 1.0000, -0.5000, -0.5000]])
    """
    group_size = returns.shape[1]
    return group_size / (group_size - 1) * dr_grpo(returns)


def grpo(returns: torch.Tensor) -> torch.Tensor:
    """``A_i = (R_i - mean R) / std R`` (Shao et al., 2024, "DeepSeekMath", section 4.1.2).

    The standard deviation is the sample's, with G - 1, as in TRL and verl; the paper does not say.

    >>> grpo(torch.tensor([[2.0, 0.0, 1.0]]))
    tensor([[ 0.9999, -0.9999,  0.0000]])
    """
    return dr_grpo(returns) / (returns.std(1, keepdim=True) + EPSILON)


def dr_grpo(returns: torch.Tensor) -> torch.Tensor:
    """``A_i = R_i - mean R`` (Liu et al., 2025, "Understanding R1-Zero-Like Training").

    >>> dr_grpo(torch.tensor([[2.0, 0.0, 1.0]]))
    tensor([[ 1., -1.,  0.]])
    """
    return returns - returns.mean(1, keepdim=True)


def gdpo(rewards: Mapping[str, torch.Tensor], weights: Mapping[str, float]) -> torch.Tensor:
    """GRPO's advantages of each reward component, weighted and added up, (K, G).

    ``A = sum_k w_k (r_k - mean r_k) / std r_k`` (Liu et al., 2026, "GDPO"). The sum of rewards would
    give one advantage to different mixtures of components. The paper then whitens over the batch: `whiten`.

    Args:
        rewards: Each component's, (K, G); 0 where it does not apply.
        weights: Of the components, by the same names.
    """
    return sum((weights[name] * grpo(values) for name, values in rewards.items()), torch.zeros(()))


def whiten(advantages: torch.Tensor) -> torch.Tensor:
    """``(A - mean A) / std A`` over the tokens of a batch, (N,) (Hu et al., 2025, "REINFORCE++").

    >>> whiten(torch.tensor([3.0, 1.0, 2.0]))
    tensor([ 0.9999, -0.9999,  0.0000])
    """
    return (advantages - advantages.mean()) / (advantages.std() + EPSILON)


def varied(scores: torch.Tensor, least: float = 1e-6) -> torch.Tensor:
    """Which groups teach something, bool (K,): those whose completions do not all have one score.

    DAPO (Yu et al., 2025, section 3.2) drops groups whose mean accuracy is 0 or 1. Scores between these, such as an F1
    of .5 for all completions, need the standard deviation.

    Args:
        scores: (K, G).
        least: Standard deviations up to it are rounding.

    >>> varied(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([ True, False])
    """
    return scores.std(1, correction=0) > least

"""The losses of policy gradients on text, token by token, and how tokens are added up.

Everything is flat: N tokens, those of one completion one after another, and ``sequence`` (N,) says which of the B
completions each belongs to. A loss is a number for each token, to be minimised; its gradient is that of
``(token_weights(...)[sequence] * loss).sum()``, whatever parts the sum is taken in.
"""

from __future__ import annotations

import torch

from textgym.errors import UnknownNameError
from textgym.sb3.kl import LARGEST_LOG_RATIO


def token_ratio(log_prob: torch.Tensor, old_log_prob: torch.Tensor) -> torch.Tensor:
    """``r_t = pi(y_t) / pi_old(y_t)``, (N,) (Schulman et al., 2017, "Proximal Policy Optimization", section 3)."""
    return (log_prob - old_log_prob).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()


def sequence_ratio(log_prob: torch.Tensor, old_log_prob: torch.Tensor, sequence: torch.Tensor) -> torch.Tensor:
    """GSPO: ``s_i = (pi(y_i) / pi_old(y_i))^(1 / |y_i|)``, for each token of the completion, (N,).

    Zheng et al., 2025, "Group Sequence Policy Optimization", section 4.1: the geometric mean of the token ratios.

    >>> both = torch.tensor([0.0, 0.4]), torch.tensor([0.0, 0.0])
    >>> sequence_ratio(*both, sequence=torch.tensor([0, 0])).log()
    tensor([0.2000, 0.2000])
    """
    difference = log_prob - old_log_prob
    lengths = torch.bincount(sequence)  # (B,)
    total = difference.new_zeros(len(lengths)).index_add(0, sequence, difference)
    mean = total / lengths.clamp(min=1)
    return mean.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp()[sequence]


def policy_gradient(log_prob: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    """``-A log pi`` (Williams, 1992), whose gradient is the expected return's while the policy is the sampler."""
    return -advantages * log_prob


def ppo_clip(ratio: torch.Tensor, advantages: torch.Tensor, low: float = 0.2, high: float = 0.2) -> torch.Tensor:
    """``-min(r A, clip(r, 1 - low, 1 + high) A)`` (Schulman et al., 2017, equation 7).

    A ``high`` above ``low`` is DAPO's clip-higher (Yu et al., 2025, section 3.1: 0.28 and 0.2).

    >>> ppo_clip(torch.tensor([1.5, 1.5, 0.5]), torch.tensor([1.0, -1.0, -1.0]))
    tensor([-1.2000,  1.5000,  0.8000])
    """
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def dual_clip(
    ratio: torch.Tensor, advantages: torch.Tensor, low: float = 0.2, high: float = 0.2, c: float = 3.0
) -> torch.Tensor:
    """`ppo_clip`, but at most ``-c A`` where A < 0: a ratio cannot weigh a bad token more than c times.

    Ye et al., 2020, "Mastering Complex Control in MOBA Games with Deep Reinforcement Learning": the objective is
    ``max(min(r A, clip(r) A), c A)``.

    >>> dual_clip(torch.tensor([5.0, 5.0]), torch.tensor([-1.0, 1.0]))
    tensor([ 3.0000, -1.2000])
    """
    loss = ppo_clip(ratio, advantages, low, high)
    return torch.where(advantages < 0, torch.minimum(loss, -c * advantages), loss)


def cispo(
    ratio: torch.Tensor, advantages: torch.Tensor, log_prob: torch.Tensor, low: float = 1.0, high: float = 0.2
) -> torch.Tensor:
    """``-stopgrad(clip(r, 1 - low, 1 + high)) A log pi`` (MiniMax, 2025, "MiniMax-M1", section 3.1).

    Every token keeps a gradient, whose importance weight alone is clipped; with ``low=1`` from above alone, as there.

    >>> cispo(torch.tensor([1.5]), torch.tensor([2.0]), torch.tensor([-1.0]))
    tensor([2.4000])
    """
    return -ratio.detach().clamp(1 - low, 1 + high) * advantages * log_prob


AGGREGATIONS = ("token_mean", "sequence_sum", "sequence_mean", "constant")


def token_weights(lengths: torch.Tensor, aggregation: str, longest: int) -> torch.Tensor:
    """What a token of each completion weighs in the loss, float64 (B,).

    - ``"token_mean"``: ``1 / sum_i |y_i|``, over all tokens of the optimiser's step (DAPO, section 3.3).
    - ``"sequence_sum"``: ``1 / B``, the mean over completions of their tokens' sums: the expected return's gradient.
    - ``"sequence_mean"``: ``1 / (B |y_i|)``, the mean over completions of their tokens' means (GRPO): long completions
      weigh as much as short ones, so that their tokens weigh less.
    - ``"constant"``: ``1 / (B longest)`` (Dr. GRPO).

    Args:
        lengths: The completions' numbers of tokens, int64 (B,), of the whole step, however it is split to be computed.
        aggregation: One of `AGGREGATIONS`.
        longest: The most tokens that a completion may have.

    Raises:
        UnknownNameError: There is no such aggregation.

    >>> token_weights(torch.tensor([1, 3]), "token_mean", longest=4)
    tensor([0.2500, 0.2500], dtype=torch.float64)
    >>> token_weights(torch.tensor([1, 4]), "sequence_mean", longest=4)
    tensor([0.5000, 0.1250], dtype=torch.float64)
    """
    lengths = lengths.double()
    n_sequences = len(lengths)
    match aggregation:
        case "token_mean":
            return torch.ones_like(lengths) / lengths.sum()
        case "sequence_sum":
            return torch.ones_like(lengths) / n_sequences
        case "sequence_mean":
            return 1 / (n_sequences * lengths)
        case "constant":
            return torch.ones_like(lengths) / (n_sequences * longest)
    raise UnknownNameError("aggregation", aggregation, AGGREGATIONS)

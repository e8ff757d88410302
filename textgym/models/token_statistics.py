"""Log-probability and entropy of tokens without a (timesteps, vocabulary) tensor in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

CHUNK = 1 << 22  # logits at a time, and as many probabilities: 16 MB each in float32
KEEP = 1 << 24  # probabilities that the backward pass may keep: 64 MB, whatever the vocabulary


class TokenStatistics(torch.autograd.Function):
    """``log_prob`` and ``entropy`` of ``softmax(hidden @ weight.T + bias)``, computed in chunks of timesteps.

    Beyond `KEEP` probabilities the backward pass computes them again: one more matrix product for a memory that does
    not grow with the vocabulary (49,152 x 1,024 timesteps would be 200 MB, three times over). The entropy's gradient is
    skipped when it is zero, as in PPO with ``ent_coef=0``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,  # (N, d)
        weight: torch.Tensor,  # (V, d)
        bias: torch.Tensor | None,  # (V,)
        tokens: torch.Tensor,  # (N,)
        temperature: float,
        dtype: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        log_prob = hidden.new_empty(len(tokens), dtype=torch.promote_types(dtype, torch.float32))
        entropy = torch.empty_like(log_prob)
        cast_weight = weight.to(dtype)
        ctx.kept = [] if len(tokens) * len(weight) <= KEEP else None
        for steps in _chunks(len(tokens), len(weight)):
            logits, probs = _softmax(hidden[steps], cast_weight, bias, temperature)  # (c, V) each
            log_prob[steps] = _log_prob(logits, probs, tokens[steps])
            # -sum p log p, with log p = logits + log(greatest p)
            entropy[steps] = -logits.mul_(probs).sum(1) - probs.amax(1).log()
            if ctx.kept is not None:
                ctx.kept.append(probs)
        ctx.save_for_backward(hidden, weight, bias, tokens, entropy)
        ctx.temperature, ctx.dtype = temperature, dtype
        return log_prob, entropy

    @staticmethod
    @once_differentiable  # what is kept is a constant to a second derivative, which would be wrong without a word
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, bias, tokens, entropy = ctx.saved_tensors
        grad_log_prob, grad_entropy = (grad[:, None] / ctx.temperature for grad in grads)  # (N, 1) each
        with_entropy = bool(grad_entropy.any())
        grad_hidden = torch.empty_like(hidden)
        _, needs_weight, needs_bias, *_ = ctx.needs_input_grad  # a frozen head, under an adapter, needs neither
        grad_weight = torch.zeros_like(weight) if needs_weight else None
        grad_bias = torch.zeros_like(bias) if needs_bias else None
        cast_weight = weight.to(ctx.dtype)
        for steps in _chunks(len(tokens), len(weight)):
            # what was kept is consumed, so that a second backward pass through a retained graph computes it again
            probs = ctx.kept.pop(0) if ctx.kept else _softmax(hidden[steps], cast_weight, bias, ctx.temperature)[1]
            # d log_prob / d logits = onehot - p;  d entropy / d logits = -p * log p - p * H
            slope = torch.special.entr(probs) - probs * entropy[steps, None] if with_entropy else None
            grad_logits = probs.mul_(-grad_log_prob[steps])  # (c, V)
            grad_logits.scatter_add_(1, tokens[steps, None], grad_log_prob[steps])
            if slope is not None:
                grad_logits += slope.mul_(grad_entropy[steps])
            if grad_bias is not None:
                grad_bias += grad_logits.sum(0)
            grad_logits = grad_logits.to(ctx.dtype)
            grad_hidden[steps] = (grad_logits @ cast_weight).to(hidden.dtype)
            if grad_weight is None:
                continue
            if grad_weight.dtype == grad_logits.dtype:
                grad_weight.addmm_(grad_logits.T, hidden[steps].to(ctx.dtype))
            else:
                grad_weight += grad_logits.T @ hidden[steps].to(ctx.dtype)
        return grad_hidden, grad_weight, grad_bias, None, None, None


def _chunks(n: int, vocab_size: int) -> list[slice]:
    """Slices of timesteps with about `CHUNK` logits each."""
    size = max(1, CHUNK // vocab_size)
    return [slice(start, start + size) for start in range(0, n, size)]


def _softmax(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits less their greatest, and probabilities, of every token, at least in float32, (c, V) each."""
    logits = (hidden.to(weight.dtype) @ weight.T).to(torch.promote_types(weight.dtype, torch.float32))
    if bias is not None:
        logits += bias
    if temperature != 1.0:
        logits /= temperature
    logits -= logits.amax(1, keepdim=True)
    return logits, logits.softmax(1)


def _log_prob(logits: torch.Tensor, probs: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (c,): the greatest probability, whose logit is 0, is at least 1 / V and has a logarithm."""
    return logits.gather(1, tokens[:, None])[:, 0] + probs.amax(1).log()


@torch.no_grad()
def log_prob(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    tokens: torch.Tensor,
    temperature: float,
    dtype: torch.dtype,
) -> torch.Tensor:
    """What `TokenStatistics` gives of log-probabilities, without gradients.

    Args:
        hidden: Hidden states (N, d).
        weight: The head's (V, d).
        bias: The head's (V,), or None.
        tokens: Token ids (N,).
        temperature: Divides the logits.
        dtype: The matrix products are computed in it.

    Returns:
        (N,), in float32 or more.
    """
    cast_weight = weight.to(dtype)
    return torch.cat(
        [
            _log_prob(*_softmax(hidden[steps], cast_weight, bias, temperature), tokens[steps])
            for steps in _chunks(len(tokens), len(weight))
        ]
    )

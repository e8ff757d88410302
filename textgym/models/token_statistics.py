"""Log-probability and entropy of tokens without a (timesteps, vocabulary) tensor in memory."""

from __future__ import annotations

from typing import Any

import torch

from textgym.models.packing import hidden_states

CHUNK = 1 << 22  # logits at a time: 16 MB in float32, which stays near the cache
KEEP = 1 << 24  # logits that the backward pass may keep: 64 MB, whatever the vocabulary


class TokenStatistics(torch.autograd.Function):
    """``log_prob`` and ``entropy`` of ``softmax(hidden @ weight.T + bias)``, computed in chunks of timesteps.

    Beyond `KEEP` logits the backward pass computes them again: one more matrix product for a memory that does not
    grow with the vocabulary (49,152 x 1,024 timesteps would be 200 MB, three times over). The entropy's gradient is
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
        for rows in _chunks(len(tokens), len(weight)):
            logps = _log_softmax(hidden[rows], cast_weight, bias, temperature)  # (c, V)
            if ctx.kept is not None:
                ctx.kept.append(logps)
            log_prob[rows] = logps.gather(1, tokens[rows, None])[:, 0]
            entropy[rows] = -torch.linalg.vecdot(logps.exp(), logps)
        ctx.save_for_backward(hidden, weight, bias, tokens, entropy)
        ctx.temperature, ctx.dtype = temperature, dtype
        return log_prob, entropy

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, bias, tokens, entropy = ctx.saved_tensors
        grad_log_prob, grad_entropy = grads  # (N,), (N,)
        with_entropy = bool(grad_entropy.any())
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight)
        grad_bias = torch.zeros_like(bias) if bias is not None else None
        cast_weight = weight.to(ctx.dtype)
        for i, rows in enumerate(_chunks(len(tokens), len(weight))):
            logps = (
                ctx.kept[i] if ctx.kept else _log_softmax(hidden[rows], cast_weight, bias, ctx.temperature)
            )  # (c, V)
            probs = logps.exp()
            # d log_prob / d logits = onehot - p;  d entropy / d logits = -p * (log p + H)
            if with_entropy:
                scale = -grad_log_prob[rows, None] - grad_entropy[rows, None] * (logps + entropy[rows, None])
            else:
                scale = -grad_log_prob[rows, None]
            grad_logits = probs.mul_(scale)
            grad_logits.scatter_add_(1, tokens[rows, None], grad_log_prob[rows, None])
            grad_logits.div_(ctx.temperature)
            if grad_bias is not None:
                grad_bias += grad_logits.sum(0)
            grad_logits = grad_logits.to(ctx.dtype)
            grad_hidden[rows] = (grad_logits @ cast_weight).to(hidden.dtype)
            if grad_weight.dtype == grad_logits.dtype:
                grad_weight.addmm_(grad_logits.T, hidden[rows].to(ctx.dtype))
            else:
                grad_weight += grad_logits.T @ hidden[rows].to(ctx.dtype)
        return grad_hidden, grad_weight, grad_bias, None, None, None


def _chunks(n: int, vocab_size: int) -> list[slice]:
    """Slices of timesteps with about `CHUNK` logits each."""
    size = max(1, CHUNK // vocab_size)
    return [slice(start, start + size) for start in range(0, n, size)]


def _log_softmax(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, temperature: float
) -> torch.Tensor:
    """Log-probabilities of every token, at least in float32, (c, V)."""
    logits = (hidden.to(weight.dtype) @ weight.T).to(torch.promote_types(weight.dtype, torch.float32))
    if bias is not None:
        logits += bias
    if temperature != 1.0:
        logits /= temperature
    return logits.sub_(logits.logsumexp(1, keepdim=True))


def packed_log_prob(
    model: Any, packed: dict[str, torch.Tensor], tokens: torch.Tensor, temperature: float = 1.0
) -> torch.Tensor:
    """Log-probabilities of tokens under a causal language model: one forward pass per text, without gradients.

    Args:
        model: A transformers causal language model.
        packed: ``input_ids`` (F, L), right-padded texts, or texts that share rows (`textgym.models.packing`);
            ``row`` and ``position``, (N,) each: where the last token is that had been read when token i was chosen.
        tokens: Token ids (N,).
        temperature: Divides the logits.

    Returns:
        Float32 (N,).
    """
    with torch.no_grad():
        hidden = hidden_states(model.base_model, packed)  # (R, L, d)
        hidden = hidden[packed["row"], packed["position"]]  # (N, d)
        head = model.get_output_embeddings()
        return TokenStatistics.apply(hidden, head.weight, head.bias, tokens, temperature, hidden.dtype)[0]

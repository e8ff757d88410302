"""Log-probability and entropy of tokens without a (timesteps, vocabulary) tensor in memory."""

from __future__ import annotations

from typing import Any

import torch

from textgym.models.packing import timestep_states

CHUNK = 1 << 22  # logits per matrix product: 16 MB in float32
BLOCK = 1 << 18  # logits per pass over the vocabulary: 1 MB, which stay in the cache
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
        for rows in _slices(len(tokens), len(weight), CHUNK):
            logps = _log_softmax(hidden[rows], cast_weight, bias, temperature)  # (c, V)
            if ctx.kept is not None:
                ctx.kept.append(logps)
            log_prob[rows] = logps.gather(1, tokens[rows, None])[:, 0]
            entropy[rows] = torch.cat([-block.exp().mul_(block).sum(1) for block in _blocks(logps)])
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
        for i, rows in enumerate(_slices(len(tokens), len(weight), CHUNK)):
            logps = (
                ctx.kept[i] if ctx.kept else _log_softmax(hidden[rows], cast_weight, bias, ctx.temperature)
            )  # (c, V)
            grad_logits = torch.empty_like(logps)
            scales = -grad_log_prob[rows, None] / ctx.temperature  # (c, 1)
            for at in _slices(logps.shape[0], logps.shape[1], BLOCK):
                # d log_prob / d logits = onehot - p;  d entropy / d logits = -p * (log p + H)
                scale = scales[at]
                if with_entropy:
                    slope = grad_entropy[rows][at, None] / ctx.temperature
                    scale = scale - slope * (logps[at] + entropy[rows][at, None])
                torch.exp(logps[at], out=grad_logits[at]).mul_(scale)
            grad_logits.scatter_add_(1, tokens[rows, None], -scales)
            if grad_bias is not None:
                grad_bias += grad_logits.sum(0)
            grad_logits = grad_logits.to(ctx.dtype)
            grad_hidden[rows] = (grad_logits @ cast_weight).to(hidden.dtype)
            if grad_weight.dtype == grad_logits.dtype:
                grad_weight.addmm_(grad_logits.T, hidden[rows].to(ctx.dtype))
            else:
                grad_weight += grad_logits.T @ hidden[rows].to(ctx.dtype)
        return grad_hidden, grad_weight, grad_bias, None, None, None


def _slices(n: int, vocab_size: int, n_logits: int) -> list[slice]:
    """Slices of timesteps with about so many logits each."""
    size = max(1, n_logits // vocab_size)
    return [slice(start, start + size) for start in range(0, n, size)]


def _blocks(logps: torch.Tensor) -> list[torch.Tensor]:
    return [logps[at] for at in _slices(logps.shape[0], logps.shape[1], BLOCK)]


def _log_softmax(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, temperature: float
) -> torch.Tensor:
    """Log-probabilities of every token, at least in float32, (c, V)."""
    logits = (hidden.to(weight.dtype) @ weight.T).to(torch.promote_types(weight.dtype, torch.float32))
    if bias is not None:
        logits += bias
    if temperature != 1.0:
        logits /= temperature
    for block in _blocks(logits):
        block.copy_(block.log_softmax(1))
    return logits


def packed_log_prob(
    model: Any,
    packed: dict[str, torch.Tensor],
    tokens: torch.Tensor,
    temperature: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """Log-probabilities of tokens under a causal language model: one forward pass per text, without gradients.

    Args:
        model: A transformers causal language model.
        packed: ``input_ids`` (F, L), right-padded texts, or texts that share rows (`textgym.models.packing`);
            ``row`` and ``position``, (N,) each: where the last token is that had been read when token i was chosen.
        tokens: Token ids (N,).
        temperature: Divides the logits.
        dtype: Of the matrix products; by default the weights'.

    Returns:
        Float32 (N,).
    """
    head = model.get_output_embeddings()
    dtype = dtype or head.weight.dtype
    with torch.no_grad():
        hidden = timestep_states(model.base_model, packed, dtype)  # (N, d)
        weight = head.weight.to(dtype)
        return torch.cat(
            [
                _log_softmax(hidden[rows], weight, head.bias, temperature).gather(1, tokens[rows, None])[:, 0]
                for rows in _slices(len(tokens), len(weight), CHUNK)
            ]
        )

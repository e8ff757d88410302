"""Several texts in one row of a batch, so that short ones cost no padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

ROW = 128  # tokens that a shared row holds
WORTH = 1.25  # a mask makes attention slower, so that only this much less padding pays


def pack(
    texts: Sequence[np.ndarray], device: torch.device | str
) -> tuple[dict[str, torch.Tensor], np.ndarray, np.ndarray]:
    """Lay texts into rows: one each where they are of like length, else several, each seeing only itself.

    Args:
        texts: Token ids of each text.
        device: Of the tensors.

    Returns:
        ``input_ids`` (R, L), and for shared rows ``segment`` and ``position_ids`` (R, L) each; then the row (F,) and
        the first column (F,) of each text.
    """
    lengths = np.array([len(text) for text in texts])
    longest, total = int(lengths.max()), int(lengths.sum())
    width = longest
    row, column = np.arange(len(texts)), np.zeros(len(texts), dtype=np.int64)
    shared = longest * len(texts) > WORTH * total
    if shared:
        width, end = max(longest, min(ROW, total)), 0
        for i, length in enumerate(lengths):  # into the current row, else into a new one
            fits = i > 0 and end + length <= width
            row[i] = 0 if i == 0 else row[i - 1] + (not fits)
            column[i] = end if fits else 0
            end = column[i] + length
    n_rows = int(row[-1]) + 1
    input_ids = np.zeros((n_rows, width), dtype=np.int64)  # padding is seen by no real token
    segment, position_ids = np.full((n_rows, width), -1), np.zeros((n_rows, width), dtype=np.int64)
    for i, text in enumerate(texts):
        span = slice(column[i], column[i] + lengths[i])
        input_ids[row[i], span], segment[row[i], span], position_ids[row[i], span] = text, i, np.arange(lengths[i])
    arrays = {"input_ids": input_ids}
    if shared:
        arrays |= {"segment": segment, "position_ids": position_ids}
    return {name: torch.as_tensor(array, device=device) for name, array in arrays.items()}, row, column


def hidden_states(trunk: Any, packed: Mapping[str, torch.Tensor], dtype: torch.dtype | None = None) -> torch.Tensor:
    """The trunk's last hidden states (R, L, d) of a batch made by `pack`, or of plain right-padded texts.

    Without ``segment`` no mask is needed: under causal attention no real token sees padding on its right.

    Args:
        trunk: A base model of transformers.
        packed: ``input_ids`` (R, L), and for shared rows ``segment`` and ``position_ids``.
        dtype: bfloat16 for matrix products in it, by autocast; else they are in the weights'.
    """
    input_ids = packed["input_ids"]
    arguments = {}
    if "segment" in packed:
        segment, width = packed["segment"], input_ids.shape[1]
        causal = torch.ones(width, width, dtype=torch.bool, device=input_ids.device).tril()
        visible = (segment[:, None, :, None] == segment[:, None, None, :]) & causal  # (R, 1, L, L)
        arguments = {"attention_mask": visible, "position_ids": packed["position_ids"]}
    with torch.autocast(input_ids.device.type, dtype, enabled=dtype == torch.bfloat16):
        return trunk(input_ids=input_ids, use_cache=False, **arguments).last_hidden_state


def timestep_states(trunk: Any, packed: Mapping[str, torch.Tensor], dtype: torch.dtype | None = None) -> torch.Tensor:
    """Hidden states (N, d) at the timesteps that ``row`` and ``position``, (N,) each, name; else as `hidden_states`."""
    return hidden_states(trunk, packed, dtype)[packed["row"], packed["position"]]

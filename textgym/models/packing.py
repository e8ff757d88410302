"""Several texts in one row of a batch, so that short ones cost no padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from textgym.errors import ConfigurationError, shown

ROW_LENGTH = 128  # tokens that a shared row holds
WORTH = 1.25  # a mask makes attention slower, so that only this much less padding pays


@dataclass(frozen=True)
class PackedBatch:
    """Texts laid into R rows of L tokens, and the N timesteps at which a next token was chosen.

    Timestep i had read its text up to ``input_ids[row[i], position[i]]``, which is the last token that it saw. Where
    ``segment`` is None, each row is one text, which begins in column 0.

    Attributes:
        input_ids: Token ids, int64 (R, L), padded on the right with any id.
        row: The row of each timestep, int64 (N,).
        position: The column of the last token that each timestep had read, int64 (N,).
        segment: Which text a token belongs to, int64 (R, L), -1 for padding; texts see nothing of one another.
        position_ids: Each token's position within its text, int64 (R, L); given together with ``segment``.
        allowed: The tokens that could be chosen at each timestep, bool (N, V); None for all.
    """

    input_ids: torch.Tensor
    row: torch.Tensor
    position: torch.Tensor
    segment: torch.Tensor | None = None
    position_ids: torch.Tensor | None = None
    allowed: torch.Tensor | None = None

    def __len__(self) -> int:
        """The number of timesteps."""
        return len(self.row)

    def parts(self, most_tokens: int) -> list[PackedBatch]:
        """Cut it into batches of whole rows, of at most so many tokens each, or one row; timesteps are in rows' order.

        What is ``allowed`` stays behind.
        """
        n_rows, width = self.input_ids.shape
        step, parts = max(1, most_tokens // width), []
        for start in range(0, n_rows, step):
            rows, inside = slice(start, start + step), (self.row >= start) & (self.row < start + step)
            shared = (
                {}
                if self.segment is None or self.position_ids is None
                else {"segment": self.segment[rows], "position_ids": self.position_ids[rows]}
            )
            parts.append(PackedBatch(self.input_ids[rows], self.row[inside] - start, self.position[inside], **shared))
        return parts

    def to(self, device: torch.device | str) -> PackedBatch:
        """The same batch on another device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: tensor if tensor is None else tensor.to(device) for name, tensor in tensors.items()
        }
        return PackedBatch(**moved)


def check_right_padded(attention_mask: torch.Tensor) -> None:
    """Refuse observations whose tokens do not stand in the first columns, one after another.

    Args:
        attention_mask: 1 for tokens and 0 for padding, (n, L).

    Raises:
        ConfigurationError: A row is padded on the left, has holes, or holds no token.
    """
    lengths = attention_mask.sum(1, keepdim=True)  # (n, 1)
    columns = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    wrong = (attention_mask != (columns < lengths)).any(1) | (lengths[:, 0] < 1)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ConfigurationError(
            f"Observation {row} has the attention_mask {shown(attention_mask[row].tolist())}: its tokens must begin in "
            "column 0 and be padded on the right, without holes, and there must be at least one. Leave out wrappers "
            "that move or stack them, such as VecFrameStack: the policy reads the whole text without."
        )


def pack(
    texts: Sequence[np.ndarray], timesteps: Sequence[range], device: torch.device | str, *, share_rows: bool = True
) -> PackedBatch:
    """Lay texts into rows: one each where they are of like length, else several, each seeing only itself.

    Args:
        texts: Token ids of each text.
        timesteps: For each text, the positions in it after which a token was chosen. They become the batch's timesteps
            in this order.
        device: Where the tensors are needed.
        share_rows: Whether a row may hold several texts.
    """
    lengths = np.array([len(text) for text in texts])
    longest, total = int(lengths.max()), int(lengths.sum())
    width = longest
    row, column = np.arange(len(texts)), np.zeros(len(texts), dtype=np.int64)
    shared = share_rows and longest * len(texts) > WORTH * total
    if shared:
        width, end = max(longest, min(ROW_LENGTH, total)), 0
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
    arrays = {
        "input_ids": input_ids,
        "row": np.repeat(row, [len(steps) for steps in timesteps]),
        "position": np.concatenate(
            [start + np.asarray(steps, np.int64) for start, steps in zip(column, timesteps, strict=True)]
        ),
    }
    if shared:
        arrays |= {"segment": segment, "position_ids": position_ids}
    return PackedBatch(**{name: torch.as_tensor(array, device=device) for name, array in arrays.items()})


def hidden_states(trunk: Any, batch: PackedBatch, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The trunk's last hidden states (R, L, d) of every token.

    Without ``segment`` no mask is needed: under causal attention no real token sees padding on its right.

    Args:
        trunk: A base model of transformers.
        batch: Texts on the trunk's device.
        dtype: bfloat16 for matrix products in it, by autocast; else they are in the weights'.
    """
    arguments = {}
    if batch.segment is not None:
        segment, width = batch.segment, batch.input_ids.shape[1]
        causal = torch.ones(width, width, dtype=torch.bool, device=segment.device).tril()
        visible = (segment[:, None, :, None] == segment[:, None, None, :]) & causal  # (R, 1, L, L)
        arguments = {"attention_mask": visible, "position_ids": batch.position_ids}
    with torch.autocast(batch.input_ids.device.type, dtype, enabled=dtype == torch.bfloat16):
        return trunk(input_ids=batch.input_ids, use_cache=False, **arguments).last_hidden_state


def timestep_states(trunk: Any, batch: PackedBatch, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Hidden states (N, d) at the batch's timesteps; arguments as in `hidden_states`."""
    return hidden_states(trunk, batch, dtype)[batch.row, batch.position]

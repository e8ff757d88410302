"""Several texts in one row of a batch, so that short ones cost no padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch

from textgym.errors import ConfigurationError, shown
from textgym.models.processed import count

ROW_LENGTH = 128  # tokens that a shared row holds
FAMILY_LENGTH = 256  # tokens of a prompt and of the texts that share it: in longer rows attention costs what it saves
WORTH = 1.25  # a mask makes attention slower, so that only this much less to read pays


@dataclass(frozen=True)
class PackedBatch:
    """Texts laid into R rows of L tokens, and the N timesteps at which a next token was chosen.

    Timestep i had read its text up to ``input_ids[row[i], position[i]]``, which is the last token that it saw. Where
    ``segment`` is None, each row is one text, which begins in column 0.

    Attributes:
        input_ids: Token ids, int64 (R, L), padded on the right with any id.
        row: The row of each timestep, int64 (N,).
        position: The column of the last token that each timestep had read, int64 (N,).
        segment: Which segment a token belongs to, int64 (R, L), -1 for padding: a whole text, or a prompt that several
            texts share, or what follows it in one of them. Segments see nothing of one another but for ``prefix``.
        prefix: The segment of the shared prompt that a token sees besides its own, int64 (R, L); where it sees none, a
            number that no segment has.
        position_ids: Each token's position within its text, int64 (R, L); the three are given together.
        allowed: The tokens that could be chosen at each timestep, bool (N, V); None for all.
    """

    input_ids: torch.Tensor
    row: torch.Tensor
    position: torch.Tensor
    segment: torch.Tensor | None = None
    prefix: torch.Tensor | None = None
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
            of_rows = {name: getattr(self, name) for name in ("segment", "prefix", "position_ids")}
            shared = {name: tensor[rows] for name, tensor in of_rows.items() if tensor is not None}
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


class Family(NamedTuple):
    """Texts that begin with the same prompt, which one row holds once.

    Attributes:
        prompt: How many tokens they share, 0 for a text alone.
        members: Which texts.
        length: Tokens that are read: the prompt, and what follows it in each.
    """

    prompt: int
    members: list[int]
    length: int


def pack(
    texts: Sequence[np.ndarray],
    timesteps: Sequence[range],
    device: torch.device | str,
    *,
    share_rows: bool = True,
    prompts: Sequence[int] | None = None,
) -> PackedBatch:
    """Lay texts into rows: one each where they are of like length, else several, each seeing only itself.

    Args:
        texts: Token ids of each text.
        timesteps: For each text, the positions in it after which a token was chosen. They become the batch's timesteps
            in this order.
        device: Where the tensors are needed.
        share_rows: Whether a row may hold several texts.
        prompts: How many tokens of each text are its prompt: equal ones are read once, where that is less to read.
    """
    families, row, column, width = _layout(texts, share_rows, prompts)
    shape = row[-1] + 1, width
    input_ids, position_ids = np.zeros(shape, np.int64), np.zeros(shape, np.int64)  # padding is seen by no real token
    segment, prefix = np.full(shape, -1), np.full(shape, -2)
    read: list[Any] = [()] * len(texts)  # the columns of each text's timesteps
    row_of = np.zeros(len(texts), np.int64)
    for n, (family, at, begin) in enumerate(zip(families, row, column, strict=True)):
        end = begin + family.prompt
        if family.prompt:
            input_ids[at, begin:end] = texts[family.members[0]][: family.prompt]
            segment[at, begin:end], position_ids[at, begin:end] = len(texts) + n, np.arange(family.prompt)
        for i in family.members:
            own = slice(end, end + len(texts[i]) - family.prompt)
            input_ids[at, own], segment[at, own], prefix[at, own] = texts[i][family.prompt :], i, len(texts) + n
            position_ids[at, own] = np.arange(family.prompt, len(texts[i]))
            steps = np.asarray(timesteps[i], np.int64)
            shift = np.where(steps < family.prompt, begin, end - family.prompt) if family.prompt else begin
            read[i], row_of[i] = steps + shift, at
            end = own.stop
    rows = np.repeat(row_of, [len(steps) for steps in timesteps])
    arrays = {"input_ids": input_ids, "row": rows, "position": np.concatenate(read)}
    if len(families) != shape[0] or len(families) != len(texts):  # else causal attention needs no mask
        arrays |= {"segment": segment, "prefix": prefix, "position_ids": position_ids}
    return PackedBatch(**{name: torch.as_tensor(array, device=device) for name, array in arrays.items()})


class Layout(NamedTuple):
    """Where families are.

    Attributes:
        families: F of them.
        row: Each one's, (F,), not falling.
        column: Where it begins, (F,).
        width: Tokens of a row.
    """

    families: Sequence[Family]
    row: Sequence[int]
    column: Sequence[int]
    width: int

    @property
    def area(self) -> int:
        """Tokens that are read, padding among them."""
        return (self.row[-1] + 1) * self.width


def _layout(texts: Sequence[np.ndarray], share_rows: bool, prompts: Sequence[int] | None) -> Layout:
    """The layout that leaves least to read, a mask's price considered; the arguments are those of `pack`."""
    alone = [Family(0, [i], len(text)) for i, text in enumerate(texts)]
    total, n = sum(family.length for family in alone), len(alone)
    best = Layout(alone, range(n), [0] * n, max(family.length for family in alone))
    if share_rows and best.area > WORTH * total:
        best = _in_shared_rows(alone)
    if prompts is not None and len(related := _related(texts, prompts)) < n:
        together = _in_shared_rows(related)
        best = together if best.area > WORTH * together.area else best
    return best


def _in_shared_rows(families: Sequence[Family]) -> Layout:
    """Each family in the current row if it fits, else in a new one."""
    lengths = [family.length for family in families]
    width = max(max(lengths), min(ROW_LENGTH, sum(lengths)))
    rows, columns, row, end = [], [], 0, 0
    for length in lengths:
        if end + length > width:
            row, end = row + 1, 0
        rows.append(row)
        columns.append(end)
        end += length
    return Layout(families, rows, columns, width)


def _related(texts: Sequence[np.ndarray], prompts: Sequence[int]) -> list[Family]:
    """Families of equal prompts, in the order of their first texts, none longer than `FAMILY_LENGTH` if it can be."""
    families: list[Family] = []
    latest: dict[bytes, int] = {}  # the family of a prompt that takes members still
    for i, (text, prompt) in enumerate(zip(texts, prompts, strict=True)):
        key, own = text[:prompt].tobytes(), len(text) - prompt
        at = latest.get(key)
        if at is None or families[at].length + own > FAMILY_LENGTH:
            latest[key] = len(families)
            families.append(Family(prompt, [i], len(text)))
        else:
            families[at] = Family(prompt, [*families[at].members, i], families[at].length + own)
    return families


def hidden_states(trunk: Any, batch: PackedBatch, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The trunk's last hidden states (R, L, d) of every token.

    Without ``segment`` no mask is needed: under causal attention no real token sees padding on its right.

    Args:
        trunk: A base model of transformers.
        batch: Texts on the trunk's device.
        dtype: bfloat16 for matrix products in it, by autocast; else they are in the weights'.
    """
    arguments = {}
    if batch.segment is not None and batch.prefix is not None:
        segment, width = batch.segment, batch.input_ids.shape[1]
        visible = segment[:, :, None] == segment[:, None, :]  # (R, L, L)
        visible |= batch.prefix[:, :, None] == segment[:, None, :]
        visible &= torch.ones(width, width, dtype=torch.bool, device=segment.device).tril()
        arguments = {"attention_mask": visible[:, None], "position_ids": batch.position_ids}
    count(batch.input_ids.numel())
    with torch.autocast(batch.input_ids.device.type, dtype, enabled=dtype == torch.bfloat16):
        return trunk(input_ids=batch.input_ids, use_cache=False, **arguments).last_hidden_state


def timestep_states(trunk: Any, batch: PackedBatch, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Hidden states (N, d) at the batch's timesteps; arguments as in `hidden_states`."""
    return hidden_states(trunk, batch, dtype)[batch.row, batch.position]

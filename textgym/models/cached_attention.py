"""Attention over keys and values that are held row by row, in one forward pass for texts that go on and that begin.

A decoding step reads the last token of every row and, where rows begin another text, the tokens of its prompt. Both
go through the model's matrices together, one token behind another and without padding; only attention tells them
apart. It is registered with transformers by a name (`CACHED`), which `cached_attention` gives to a model for a pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from textgym.errors import ConfigurationError

CACHED = "textgym_cached"  # transformers' name for `attend`
UNSUPPORTED = ("position_bias", "s_aux", "sliding_window", "softcap")  # what some models' attention needs besides


class KeyValues:
    """The keys and values of rows, for each layer (n_rows, n_kv_heads, n_columns, D).

    Args:
        n_rows: Rows.
        n_columns: Tokens that each has room for.
    """

    def __init__(self, n_rows: int, n_columns: int) -> None:
        self.n_rows, self.n_columns = n_rows, n_columns
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def of_layer(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's, which begin as zeros; ``key`` and ``value`` (..., n_kv_heads, D) are of their kind."""
        if layer not in self._layers:
            # zeros: a masked column's value is multiplied by 0, which would not hide a NaN
            keys, values = (
                states.new_zeros(self.n_rows, states.shape[-2], self.n_columns, states.shape[-1])
                for states in (key, value)
            )
            self._layers[layer] = keys, values
        return self._layers[layer]

    def copy(self, source: torch.Tensor, target: torch.Tensor, width: int) -> None:
        """Let some rows hold the first ``width`` columns of others, (k,) each."""
        for states in (states for layer in self._layers.values() for states in layer):
            states[target, :, :width] = states[source, :, :width]


@dataclass(frozen=True)
class Beginnings:
    """P tokens of U texts that begin, one text behind another, and where their keys are held.

    Attributes:
        tokens: Their ids, int64 (P,).
        text: The text of each, int64 (P,).
        position: Its position therein, int64 (P,).
        row: The rows that hold keys of them, int64 (K,); texts may begin in several.
        column: The column of each key, int64 (K,).
        source: The token that each key is of, int64 (K,).
        n_texts: U.
        longest: Tokens of the longest text.
    """

    tokens: torch.Tensor
    text: torch.Tensor
    position: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    source: torch.Tensor
    n_texts: int
    longest: int

    @classmethod
    def of(cls, texts: torch.Tensor, rows: torch.Tensor, padding: int) -> Beginnings:
        """Those of the texts (k, T), padded on the right, that begin in k rows (k,); equal ones are read once."""
        unique, which = texts.unique(dim=0, return_inverse=True)  # (U, T), (k,)
        text, position = (unique != padding).nonzero(as_tuple=True)  # (P,) each
        in_row, column = (texts != padding).nonzero(as_tuple=True)  # (K,) each
        begin = (unique != padding).sum(1).cumsum(0).roll(1)  # (U,), of each text its first token
        begin[0] = 0
        source = begin[which[in_row]] + column
        tokens = unique[text, position]
        return cls(tokens, text, position, rows[in_row], column, source, len(unique), texts.shape[1])

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scaling: float | None) -> torch.Tensor:
        """Attention (P, n_heads, D) of the tokens to those before them in their own texts; all are (P, H, D)."""
        groups = q.shape[1] // k.shape[1]
        rows = []
        for states in (q, k, v):
            row = states.new_zeros(self.n_texts, self.longest, *states.shape[1:])  # (U, T, H, D)
            row[self.text, self.position] = states
            rows.append(row.transpose(1, 2))
        keys, values = (states.repeat_interleave(groups, 1) if groups > 1 else states for states in rows[1:])
        # padding on the right is seen by no token
        seen = scaled_dot_product_attention(rows[0], keys, values, is_causal=True, scale=scaling)  # (U, H, T, D)
        return seen.transpose(1, 2)[self.text, self.position]


class Reading:
    """What one forward pass reads: tokens of texts that begin, and then the last token of each of n rows.

    Args:
        held: What rows hold.
        last: The last tokens' ids, int64 (n,).
        position: Their columns, int64 (n,).
        width: Columns that they attend to.
        beginnings: The texts that begin, if there are any.
    """

    def __init__(
        self, held: KeyValues, last: torch.Tensor, position: torch.Tensor, width: int, beginnings: Beginnings | None
    ) -> None:
        self.held, self.width, self.n, self.beginnings = held, width, len(last), beginnings
        self.row, self.column, self.source = torch.arange(self.n, device=last.device), position, None
        self.tokens, self.positions = last, position  # (P + n,)
        # which columns the last tokens see; in four dimensions, which transformers leaves as it is
        self.visible = (torch.arange(width, device=last.device) <= position[:, None])[:, None, None]  # (n, 1, 1, width)
        if beginnings is not None:
            self.source = torch.cat((beginnings.source, len(beginnings.tokens) + self.row))
            self.row = torch.cat((beginnings.row, self.row))
            self.column = torch.cat((beginnings.column, self.column))
            self.tokens = torch.cat((beginnings.tokens, last))
            self.positions = torch.cat((beginnings.position, position))

    def hold(self, layer: int, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Hold a layer's keys and values (P + n, H, D), and return what the n rows have, (n, H, width, D) each."""
        keys, values = self.held.of_layer(layer, k, v)
        keys[self.row, :, self.column] = k if self.source is None else k[self.source]
        values[self.row, :, self.column] = v if self.source is None else v[self.source]
        return keys[: self.n, :, : self.width], values[: self.n, :, : self.width]


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    *,
    reading: Reading,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: tokens of texts that begin see their own text, last tokens their row.

    Args:
        module: The layer.
        query: Of P + n tokens, (1, n_heads, P + n, D).
        key: As ``query``, but of n_kv_heads.
        value: As ``key``.
        attention_mask: That of ``reading``.
        scaling: Of the products; None for 1 / sqrt(D).
        reading: What is read.
        **others: What some models ask for besides.

    Returns:
        (1, P + n, n_heads, D), and no weights.

    Raises:
        ConfigurationError: The model asks for more than products, a mask and a softmax.
    """
    if asked := [name for name in UNSUPPORTED if others.get(name) is not None]:
        raise ConfigurationError(f"its attention asks for {' and '.join(asked)}")
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))  # (P + n, H, D)
    keys, values = reading.hold(module.layer_idx, k, v)  # type: ignore[arg-type]
    # heads that share keys are as tokens that see the same
    last = q[-reading.n :].unflatten(1, (k.shape[1], -1))  # (n, n_kv_heads, n_heads / n_kv_heads, D)
    seen = scaled_dot_product_attention(last, keys, values, attn_mask=reading.visible, scale=scaling).flatten(1, 2)
    if reading.beginnings is not None:
        own = reading.beginnings.attend(q[: -reading.n], k[: -reading.n], v[: -reading.n], scaling)
        seen = torch.cat((own, seen))
    return seen[None], None


ALL_ATTENTION_FUNCTIONS.register(CACHED, attend)


def configurations(decoder: nn.Module) -> list[Any]:
    """Those that a base model's layers read: some share the model's, some have a copy."""
    return [*{id(module.config): module.config for module in decoder.modules() if hasattr(module, "config")}.values()]


@contextmanager
def cached_attention(configs: Sequence[Any]) -> Iterator[None]:
    """Let the layers of some configurations attend by `attend`; their model takes a ``reading`` then."""
    own = [config._attn_implementation for config in configs]
    try:
        for config in configs:
            config._attn_implementation = CACHED
        yield
    finally:
        for config, name in zip(configs, own, strict=True):
            config._attn_implementation = name

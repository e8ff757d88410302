"""A key-value cache that needs no hook from environment or algorithm: rows are recognised by their tokens.

Stable-Baselines3 calls ``policy(obs)`` and tells the policy neither which row is which nor which episodes
ended. `CachedTrunk` therefore compares each row's tokens with those whose keys and values it holds. Because
observations are right-padded and append-only, a token's column is its position, so rows may end and
restart at any time.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers.cache_utils import Cache, CacheLayerMixin

from textgym.models.packing import check_right_padded
from textgym.models.processed import count

_optimizer_steps = 0  # of all optimisers of this process

COMPARED = 64  # texts that begin, with all rows, at a time


def _count_optimizer_step(*_: Any) -> None:
    global _optimizer_steps
    _optimizer_steps += 1


register_optimizer_step_post_hook(_count_optimizer_step)


def weights_version(modules: Sequence[nn.Module]) -> tuple[int, ...]:
    """What differs whenever some parameter of the modules may have been written, by whatever training loop.

    Torch numbers the versions of a tensor, but fused optimisers write without a new number [torch 2.13]: their steps
    are counted besides, and those of all other optimisers with them.
    """
    # at every token, so not by the much slower module.parameters()
    parameters = [p for module in modules for p in module._parameters.values() if p is not None]
    writes = sum(parameter._version for parameter in parameters)  # each only ever grows
    return _optimizer_steps, writes, parameters[0].data_ptr(), len(parameters)


class _Columns:
    """Where the current forward pass writes: shared by all layers.

    Attributes:
        rows: Row indices being prefilled, or None during a one-token step of all rows.
        positions: Columns that a one-token step writes, int64 of shape (n,).
        width: Columns that a one-token step attends to.
    """

    def __init__(self, n_rows: int, n_columns: int) -> None:
        self.n_rows = n_rows
        self.n_columns = n_columns
        self.rows: torch.Tensor | None = None
        self.positions = torch.zeros(0, dtype=torch.long)
        self.width = 0


class _ColumnLayer(CacheLayerMixin):
    """One layer's keys and values, of shape (n_rows, n_kv_heads, n_columns, head_dim)."""

    is_sliding = False

    def __init__(self, columns: _Columns) -> None:
        super().__init__()
        self.columns = columns

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        shape = (self.columns.n_rows, key_states.shape[1], self.columns.n_columns)
        # zeros: a masked column's value is multiplied by 0, which would not hide a NaN
        self.keys = key_states.new_zeros(*shape, key_states.shape[3])
        self.values = value_states.new_zeros(*shape, value_states.shape[3])
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        at = self.columns
        if at.rows is not None:  # prefill: (k, H, T, D), which need no past but themselves
            self.keys[at.rows, :, : key_states.shape[2]] = key_states
            self.values[at.rows, :, : value_states.shape[2]] = value_states
            return key_states, value_states
        row = torch.arange(len(at.positions), device=key_states.device)
        self.keys[row, :, at.positions] = key_states[:, :, 0]  # (n, H, D)
        self.values[row, :, at.positions] = value_states[:, :, 0]
        return self.keys[: len(row), :, : at.width], self.values[: len(row), :, : at.width]

    def copy(self, source: torch.Tensor, target: torch.Tensor, width: int) -> None:
        """Let some rows hold the first ``width`` columns of others, (k,) each."""
        assert self.keys is not None and self.values is not None
        self.keys[target, :, :width] = self.keys[source, :, :width]
        self.values[target, :, :width] = self.values[source, :, :width]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return self.columns.n_columns


class CachedTrunk:
    """The transformer below the head, with the keys and values of the rows that it saw last.

    Not a module: the cache is neither saved nor counted as a parameter.

    Args:
        model: The base model (without its language-model head); full causal attention.
        head: The language-model head, if `logits` is wanted.
        dtype: What is computed in; for bfloat16 a rounded copy of the weights decodes, renewed when they change.

    Attributes:
        prefilled_tokens: How many tokens of texts that began have been read, those of equal texts once.
    """

    def __init__(self, model: nn.Module, head: nn.Linear | None = None, dtype: torch.dtype = torch.float32) -> None:
        self.model: Any = model
        self.head = head
        self.dtype = dtype
        self.prefilled_tokens = 0
        self._modules = [*model.modules(), *([] if head is None else head.modules())]
        self.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> CachedTrunk:
        """A copied policy gets an empty cache around its own copy of the model."""
        return CachedTrunk(copy.deepcopy(self.model, memo), copy.deepcopy(self.head, memo), self.dtype)

    def clear(self) -> None:
        """Forget every row."""
        self._cache: Cache | None = None
        self._columns = _Columns(0, 0)
        self._tokens = torch.zeros(0, 0, dtype=torch.long)  # (n_rows, n_columns)
        self._lengths = torch.zeros(0, dtype=torch.long)  # (n_rows,) tokens whose keys are held
        self._hidden: torch.Tensor | None = None  # (n, d) of the last call
        self._version: tuple[int, ...] = ()  # of the weights that the keys were computed with
        self._decoder: Any = None
        self._head_weight: torch.Tensor | None = None  # (V, d) in the computation's dtype

    def _reserve(self, n_rows: int, n_columns: int, device: torch.device) -> None:
        """Make room for the rows, forgetting what is held if there is too little, or if the weights have changed."""
        if self.model.training:  # in which transformers takes the cache away from layers that it checkpoints
            self.model.eval()
        version = weights_version(self._modules)
        if version == self._version and n_rows <= self._columns.n_rows and n_columns <= self._columns.n_columns:
            return
        self.clear()
        self._version = version
        self._decoder = self.model
        if self.dtype != torch.float32:
            self._decoder = copy.deepcopy(self.model).requires_grad_(False).eval()
            for parameter in self._decoder.parameters():  # no buffers: rotations of late positions need every digit
                parameter.data = parameter.data.to(self.dtype)
        self._columns = _Columns(n_rows, n_columns)
        n_layers = self.model.config.num_hidden_layers
        self._cache = Cache(layers=[_ColumnLayer(self._columns) for _ in range(n_layers)])
        self._tokens = torch.full((n_rows, n_columns), -1, dtype=torch.long, device=device)
        self._lengths = torch.zeros(n_rows, dtype=torch.long, device=device)

    @torch.inference_mode()
    def last_hidden(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Hidden states at each row's last token, as inference tensors: no gradient can be taken through them.

        Args:
            input_ids: Texts, int64 (n, L), padded on the right.
            attention_mask: 1 for their tokens and 0 for padding, integer (n, L). It is checked when a row begins, and
                not at every token.

        Returns:
            Hidden states (n, d).

        Raises:
            ConfigurationError: A row is padded on the left, has holes, or holds no token.
        """
        try:
            return self._last_hidden(input_ids, attention_mask)
        except BaseException:  # an interrupt too would leave keys half written
            self.clear()
            raise

    def _last_hidden(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        n, n_columns = input_ids.shape
        lengths = attention_mask.sum(1).long()  # (n,)
        self._reserve(n, n_columns, input_ids.device)
        held, known = self._tokens[:n, :n_columns], self._lengths[:n]
        last = (lengths - 1)[:, None]  # (n, 1), column of each row's last token
        column = torch.arange(n_columns, device=input_ids.device)
        # a row is known up to its last token if the keys of all tokens before it are held
        stale = ((held != input_ids) & (column < last)).any(1) | (known < last[:, 0]) | (lengths < 1)  # (n,)
        counts = torch.stack((stale.sum(), (known != lengths).sum(), lengths.max(), known.max()))
        n_stale, n_changed, longest, longest_known = counts.tolist()  # the only wait for the device at every token
        before = self._hidden
        if n_stale == 0 and n_changed == 0 and before is not None and len(before) == n:
            last_differ = held.gather(1, last) != input_ids.gather(1, last)
            if not bool(last_differ.any()):
                return before
        if n_stale > 0:
            check_right_padded(attention_mask)
        if n_stale == n and longest_known == 0:
            hidden = self._prefill(input_ids[:, :longest], torch.arange(n, device=input_ids.device))
            self._hidden = hidden.gather(1, last[:, :, None].expand(-1, -1, hidden.shape[2]))[:, 0]
        else:
            if n_stale > 0:
                rows = stale.nonzero()[:, 0]
                # all tokens but the last, which joins the step of all rows
                self._hold(input_ids[rows, : int(last[rows].max())], last[rows], rows)
            self._hidden = self._step(input_ids.gather(1, last), last, longest)
        self._tokens[:n, :n_columns] = input_ids
        self._lengths[:n] = lengths
        return self._hidden

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Float32 logits (n, V) of hidden states that `last_hidden` has just returned."""
        assert self.head is not None
        if self.dtype == torch.float32:
            return self.head(hidden)
        if self._head_weight is None:
            self._head_weight = self.head.weight.detach().to(self.dtype)
        logits = (hidden @ self._head_weight.T).float()
        return logits if self.head.bias is None else logits + self.head.bias

    def _hold(self, tokens: torch.Tensor, lengths: torch.Tensor, rows: torch.Tensor) -> None:
        """Hold the keys of texts that begin, (k, T) with lengths (k, 1): copied from a row that has them, or read."""
        width = tokens.shape[1]
        beyond = torch.arange(width, device=rows.device) >= lengths  # (k, T)
        few = zip(tokens.split(COMPARED), beyond.split(COMPARED), strict=True)  # of k: a thousand at once are large
        held = self._tokens[:, :width]
        same = torch.cat([((text[:, None] == held) | end[:, None]).all(2) for text, end in few])  # (k, n_rows)
        same &= self._lengths >= lengths
        found = same.any(1)
        n_found = int(found.sum())
        if n_found > 0:
            self._copy(same.int().argmax(1)[found], rows[found], width)
        if n_found < len(rows):
            self._prefill(tokens[~found], rows[~found])

    def _copy(self, source: torch.Tensor, target: torch.Tensor, width: int) -> None:
        assert self._cache is not None
        for layer in self._cache.layers:
            assert isinstance(layer, _ColumnLayer)
            layer.copy(source, target, width)

    def _prefill(self, tokens: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Read the first T tokens of k rows and hold their keys; (k, T) -> hidden states (k, T, d).

        Rows that begin with one text, as the completions of a prompt do, read it once.
        """
        texts, which = tokens.unique(dim=0, return_inverse=True)  # (u, T), (k,)
        if len(texts) == len(rows):
            return self._read(tokens, rows)
        order = torch.arange(len(rows), device=rows.device)
        first = torch.empty_like(rows[: len(texts)]).scatter_reduce_(
            0, which, order, "amin", include_self=False
        )  # (u,)
        hidden = self._read(tokens[first], rows[first])
        self._copy(rows[first][which], rows, tokens.shape[1])
        return hidden[which]

    def _read(self, tokens: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        self.prefilled_tokens += tokens.numel()
        count(tokens.numel())
        self._columns.rows = rows
        # padding on the right is invisible to the tokens before it; its keys are overwritten when it becomes text
        output = self._decoder(input_ids=tokens, past_key_values=self._cache, use_cache=True)
        self._columns.rows = None
        return output.last_hidden_state

    def _step(self, tokens: torch.Tensor, positions: torch.Tensor, width: int) -> torch.Tensor:
        """Read one token of every row, in front of which ``width`` columns may be; (n, 1) each -> (n, d)."""
        count(tokens.numel())
        self._columns.positions = positions[:, 0]
        self._columns.width = width
        column = torch.arange(self._columns.width, device=tokens.device)
        output = self._decoder(
            input_ids=tokens,
            attention_mask=(column <= positions)[:, None, None],  # (n, 1, 1, width)
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        )
        return output.last_hidden_state[:, 0]  # (n, d)

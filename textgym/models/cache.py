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

from textgym.models.cached_attention import Beginnings, KeyValues, Reading, cached_attention, configurations
from textgym.models.packing import check_right_padded
from textgym.models.processed import count

_optimizer_steps = 0  # of all optimisers of this process

COMPARED = 64  # texts that begin, with all rows, at a time
PADDING = -1  # no token


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
        self._held = KeyValues(0, 0)
        self._tokens = torch.zeros(0, 0, dtype=torch.long)  # (n_rows, n_columns)
        self._lengths = torch.zeros(0, dtype=torch.long)  # (n_rows,) tokens whose keys are held
        self._hidden: torch.Tensor | None = None  # (n, d) of the last call
        self._version: tuple[int, ...] = ()  # of the weights that the keys were computed with
        self._decoder: Any = None
        self._configs: list[Any] = []  # its
        self._head_weight: torch.Tensor | None = None  # (V, d) in the computation's dtype

    def _reserve(self, n_rows: int, n_columns: int, device: torch.device) -> None:
        """Make room for the rows, forgetting what is held if there is too little, or if the weights have changed."""
        if self.model.training:  # in which transformers takes the cache away from layers that it checkpoints
            self.model.eval()
        version = weights_version(self._modules)
        if version == self._version and n_rows <= self._held.n_rows and n_columns <= self._held.n_columns:
            return
        self.clear()
        self._version = version
        self._decoder = self.model
        if self.dtype != torch.float32:
            self._decoder = copy.deepcopy(self.model).requires_grad_(False).eval()
            for parameter in self._decoder.parameters():  # no buffers: rotations of late positions need every digit
                parameter.data = parameter.data.to(self.dtype)
        self._configs = configurations(self._decoder)
        self._held = KeyValues(n_rows, n_columns)
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
        counts = torch.stack((stale.sum(), (known != lengths).sum(), lengths.max()))
        n_stale, n_changed, longest = counts.tolist()  # the only wait for the device at every token
        before = self._hidden
        if n_stale == 0 and n_changed == 0 and before is not None and len(before) == n:
            last_differ = held.gather(1, last) != input_ids.gather(1, last)
            if not bool(last_differ.any()):
                return before
        beginnings = None
        if n_stale > 0:
            check_right_padded(attention_mask)
            rows = stale.nonzero()[:, 0]
            # all tokens but the last, which joins the step of all rows
            beginnings = self._begin(input_ids[rows, : int(last[rows].max())], last[rows], rows)
        self._hidden = self._read(Reading(self._held, input_ids.gather(1, last)[:, 0], last[:, 0], longest, beginnings))
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

    def _begin(self, tokens: torch.Tensor, lengths: torch.Tensor, rows: torch.Tensor) -> Beginnings | None:
        """What has to be read of texts that begin, (k, T) with lengths (k, 1); a row that has one already is copied."""
        width = tokens.shape[1]
        beyond = torch.arange(width, device=rows.device) >= lengths  # (k, T)
        few = zip(tokens.split(COMPARED), beyond.split(COMPARED), strict=True)  # of k: a thousand at once are large
        held = self._tokens[:, :width]
        same = torch.cat([((text[:, None] == held) | end[:, None]).all(2) for text, end in few])  # (k, n_rows)
        same &= self._lengths >= lengths
        found = same.any(1)
        if bool(found.any()):
            self._held.copy(same.int().argmax(1)[found], rows[found], width)
        if bool(found.all()):
            return None
        return Beginnings.of(tokens.masked_fill(beyond, PADDING)[~found], rows[~found], PADDING)

    def _read(self, reading: Reading) -> torch.Tensor:
        """The hidden states (n, d) of the last tokens; the keys of all that is read are held from then on."""
        count(len(reading.tokens))
        self.prefilled_tokens += len(reading.tokens) - reading.n
        with cached_attention(self._configs):
            output = self._decoder(
                input_ids=reading.tokens[None],
                attention_mask=reading.visible,
                position_ids=reading.positions[None],
                use_cache=False,
                reading=reading,
            )
        return output.last_hidden_state[0, -reading.n :]

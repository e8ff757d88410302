"""A causal language model taken apart once, for everything that computes with one."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from textgym import models
from textgym.errors import ConfigurationError
from textgym.models import token_statistics
from textgym.models.packing import PackedBatch, timestep_states
from textgym.models.support import check_supported
from textgym.models.token_statistics import TokenStatistics


def device_of(device: torch.device | str) -> torch.device:
    """The device that is meant: for ``"auto"`` the accelerator that torch finds, else the CPU.

    Raises:
        ConfigurationError: Torch knows no such device.
    """
    if device != "auto":
        try:
            return torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise ConfigurationError(
                f"device is {device!r}, which torch does not know. Give 'auto', 'cpu', or an accelerator's name."
            ) from error
    found = torch.accelerator.current_accelerator(check_available=True)
    return torch.device("cpu") if found is None else found


def checkpoint_layers(trunk: Any) -> None:
    """Let a trunk keep the inputs of its layers alone in training mode, and compute the rest anew for gradients.

    Args:
        trunk: A base model of transformers.

    Raises:
        ConfigurationError: transformers cannot do it with a model of this type.
    """
    # the second is its name in transformers before 5.23
    enable = getattr(trunk, "activation_checkpointing_enable", None) or trunk.gradient_checkpointing_enable
    try:
        enable({"use_reentrant": False, "preserve_rng_state": False})  # there is no dropout whose noise would differ
    except ValueError as error:
        raise ConfigurationError(f"gradient_checkpointing=True: {error} Leave it out for this model.") from error


class CausalLM:
    """A trunk that reads tokens, and a linear head that turns its hidden states into logits of the next token.

    Not a module: it points into ``model``, whose owner moves, saves and trains it.

    Args:
        model: A causal language model of transformers, or of PEFT around one of transformers.
        name: What errors call it.

    Attributes:
        model: As given.
        trunk: The transformer below the head; an adapter's layers are in it.
        head: Hidden states (..., d) to logits (..., V).
        has_adapter: Whether ``model`` is one of PEFT.

    Raises:
        ConfigurationError: The head is no linear layer, or an adapter changes the head, the embeddings, or the tokens
            that are read.
    """

    def __init__(self, model: Any, name: str = "of your own") -> None:
        self.model, self.name = model, name
        self.has_adapter = hasattr(model, "get_base_model")
        base = model.get_base_model() if self.has_adapter else model
        self.trunk: Any = base.base_model
        self.head: nn.Linear = base.get_output_embeddings()
        self._base = base
        virtual_tokens = self.has_adapter and model.active_peft_config.is_prompt_learning
        embeddings = base.get_input_embeddings()
        # under an adapter these are wrapped, and a tied pair would have to be adapted and merged as one
        if virtual_tokens or not isinstance(self.head, nn.Linear) or not isinstance(embeddings, nn.Embedding):
            raise ConfigurationError(
                f"The model {name!r} needs a linear layer as its head and a table as its embeddings, neither of them "
                f"adapted, and no virtual tokens. It has {type(self.head).__name__}, {type(embeddings).__name__}"
                f"{' and virtual tokens' if virtual_tokens else ''}. Leave both out of the adapter's target_modules "
                "and modules_to_save."
            )

    @classmethod
    def load(cls, name: str, device: torch.device | str = "cpu") -> CausalLM:
        """The frozen model of a name (`textgym.models.load`).

        Raises:
            ConfigurationError: It is of a type that textgym would compute wrongly (`textgym.models.support`).
        """
        model: Any = models.load(name)[0]
        loaded = cls(model.requires_grad_(False), name)
        check_supported(loaded)
        model.to(device_of(device))
        return loaded

    @property
    def config(self) -> Any:
        """The configuration of transformers."""
        return self._base.config

    @property
    def vocab_size(self) -> int:
        """Tokens that the head rates."""
        return self.head.weight.shape[0]

    @property
    def context(self) -> int:
        """Tokens that the model reads at most, each at the same position whatever else is read."""
        rotation = getattr(self.config, "rope_parameters", None) or {}
        if rotation.get("rope_type") == "longrope":  # of which a longer text turns the first tokens' positions too
            return rotation["original_max_position_embeddings"]
        return self.config.max_position_embeddings

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return self.head.weight.dtype

    def trained_parameters(self) -> list[nn.Parameter]:
        """What an optimiser moves: every weight, or the adapter's alone."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def states(self, batch: PackedBatch, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Hidden states (N, d) of a batch's timesteps, with gradients.

        Args:
            batch: On the model's device.
            dtype: bfloat16 for matrix products in it; else they are in the weights'.
        """
        return timestep_states(self.trunk, batch, dtype)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits (N, V) of hidden states (N, d), in the weights' dtype: as large as the vocabulary."""
        return self.head(hidden.to(self.dtype))

    def log_probs_of_vocabulary(
        self, hidden: torch.Tensor, temperature: float = 1.0, allowed: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Log-probabilities (N, V) of every token, with gradients.

        Args:
            hidden: Hidden states (N, d).
            temperature: Divides the logits.
            allowed: The tokens that can be chosen, bool (N, V); of all others it is minus infinity.
        """
        logits = self.logits(hidden) / temperature
        return (logits if allowed is None else logits.masked_fill(~allowed, -torch.inf)).log_softmax(1)

    def statistics(
        self, hidden: torch.Tensor, tokens: torch.Tensor, temperature: float = 1.0, dtype: torch.dtype | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities and entropies, (N,) each, with gradients and without a tensor of (N, V).

        Args:
            hidden: Hidden states (N, d).
            tokens: The token that was chosen after each, (N,).
            temperature: Divides the logits.
            dtype: The matrix products are computed in it; by default the weights'.
        """
        return TokenStatistics.apply(hidden, self.head.weight, self.head.bias, tokens, temperature, dtype or self.dtype)

    @torch.no_grad()
    def log_prob(
        self, batch: PackedBatch, tokens: torch.Tensor, temperature: float = 1.0, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Log-probabilities (N,) of the tokens chosen at a batch's timesteps, without gradients.

        Args:
            batch: On the model's device.
            tokens: Token ids (N,).
            temperature: Divides the logits.
            dtype: The matrix products are computed in it; by default the weights'.
        """
        dtype = dtype or self.dtype
        hidden = self.states(batch, dtype)
        if batch.allowed is not None:
            log_probs = self.log_probs_of_vocabulary(hidden, temperature, batch.allowed)
            return log_probs.gather(1, tokens[:, None])[:, 0]
        return token_statistics.log_prob(hidden, self.head.weight, self.head.bias, tokens, temperature, dtype)

    def adapter_off(self) -> AbstractContextManager[Any]:
        """Inside, an adapted model computes what it did before it was adapted; a plain one what it does anyway."""
        return self.model.disable_adapter() if self.has_adapter else nullcontext()

    def plain(self) -> Any:
        """A model of transformers that computes the same: with the adapter merged, a copy."""
        return copy.deepcopy(self.model).merge_and_unload() if self.has_adapter else self.model


class Reference:
    """What a policy's divergence is measured from: a frozen model, or the policy's own with its adapter off.

    Args:
        model: A frozen model, or an adapted one, of which no second copy is needed.
    """

    def __init__(self, model: CausalLM) -> None:
        self._model = model

    def log_prob(
        self, batch: PackedBatch, tokens: torch.Tensor, temperature: float = 1.0, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Log-probabilities (N,); arguments as in `CausalLM.log_prob`."""
        with self._model.adapter_off():
            return self._model.log_prob(batch, tokens, temperature, dtype)

    @torch.no_grad()
    def log_probs_of_vocabulary(
        self, batch: PackedBatch, temperature: float = 1.0, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Log-probabilities (N, V) of every token at a batch's timesteps."""
        with self._model.adapter_off():
            return self._model.log_probs_of_vocabulary(self._model.states(batch, dtype), temperature, batch.allowed)

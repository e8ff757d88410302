"""How likely an agent and a reference model found the texts that were written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym.errors import ConfigurationError, UnknownNameError, shown
from textgym.evaluation.play import Agent, Episode

if TYPE_CHECKING:
    import torch

    from textgym.models import CausalLM, PackedBatch

TEXTS_PER_FORWARD = 128


def reference_model(name: str, device: str, vocab_size: int, tokenizer: str) -> CausalLM:
    """The frozen reference model.

    Args:
        name: See `textgym.models.load`.
        device: Where it computes; ``"auto"`` for an accelerator if there is one.
        vocab_size: The environment's.
        tokenizer: The name of the environment's, which is likely to be the model's.

    Raises:
        ConfigurationError: Its vocabulary is not the environment's.
        UnknownNameError: No model goes by this name.
    """
    from textgym.models import CausalLM

    try:
        model = CausalLM.load(name, device)
    except UnknownNameError as error:
        error.add_note("It is the reference model of the evaluation: reference=None does without one.")
        raise
    if model.vocab_size != vocab_size:
        raise ConfigurationError(
            f"The reference model {name!r} has {model.vocab_size} tokens, the environment {vocab_size}. "
            f"Give reference={tokenizer!r}, or None to do without."
        )
    return model


def log_probs(
    episodes: Sequence[Episode], reference: CausalLM, agent: Agent | None
) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """Log-probabilities of each episode's chosen tokens, EOS among them: float64 (T,) of T tokens.

    Args:
        episodes: What was written.
        reference: The model that divergence is measured from.
        agent: Who wrote; None where it is not to be asked.

    Returns:
        Under the reference; and under the agent, or None if it offers no ``log_prob``.

    Raises:
        ConfigurationError: The agent's are no finite (N,) numbers.
    """
    log_prob = getattr(agent, "log_prob", None)
    device = getattr(agent, "device", reference.device)  # of SB3's policies
    under_reference, under_agent = [np.empty(0)] * len(episodes), [np.empty(0)] * len(episodes)
    for chosen, batch, actions in batches(episodes):
        ends = np.bincount(batch.row.numpy()).cumsum()[:-1]
        values = reference.log_prob(batch.to(reference.device), actions.to(reference.device))
        for i, own in zip(chosen, np.split(values.double().cpu().numpy(), ends), strict=True):
            under_reference[i] = own
        if log_prob is not None:
            told = _checked(log_prob(batch.to(device), actions.to(device)), actions)
            for i, own in zip(chosen, np.split(told, ends), strict=True):
                under_agent[i] = own
    return under_reference, None if log_prob is None else under_agent


def batches(episodes: Sequence[Episode]) -> Iterator[tuple[list[int], PackedBatch, torch.Tensor]]:
    """Numbers of episodes; their texts, one a row; and the N tokens that were chosen, on the CPU."""
    import torch

    from textgym.models.packing import pack

    order = sorted(range(len(episodes)), key=lambda i: len(episodes[i].tokens))  # little padding
    for start in range(0, len(order), TEXTS_PER_FORWARD):
        chosen = order[start : start + TEXTS_PER_FORWARD]
        texts = [episodes[i].tokens for i in chosen]
        prompts = [int(episodes[i].info["prompt_length"]) for i in chosen]
        timesteps = [range(prompt - 1, len(text) - 1) for prompt, text in zip(prompts, texts, strict=True)]
        actions = np.concatenate([text[prompt:] for prompt, text in zip(prompts, texts, strict=True)])
        yield chosen, pack(texts, timesteps, "cpu", share_rows=False), torch.as_tensor(actions)


def _checked(values: Any, actions: torch.Tensor) -> np.ndarray:
    """An agent's log-probabilities as float64 (N,)."""
    import torch

    try:
        array = torch.as_tensor(values).detach().double().cpu().numpy()
    except (TypeError, ValueError, RuntimeError) as error:  # of None, a ragged list, an object
        raise ConfigurationError(
            f"The agent's log_prob returned {shown(values)}. Return one finite number per token, shape "
            f"({len(actions)},)."
        ) from error
    # a shape (N, 1) would broadcast to (N, N) without a word
    if array.shape != tuple(actions.shape) or not np.isfinite(array).all():
        raise ConfigurationError(
            f"The agent's log_prob returned {array.shape} numbers, {np.isfinite(array).sum()} of them finite, for "
            f"{len(actions)} tokens that it chose. Return one finite number per token, shape ({len(actions)},)."
        )
    return array

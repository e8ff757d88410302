"""The reward ``fluency``: how likely a frozen language model finds a completion after its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym import models
from textgym.models import load_tokenizer
from textgym.rewards.contract import texts
from textgym.rewards.registry import register
from textgym.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from textgym.models.causal_lm import CausalLM

BATCH_SIZE = 64  # texts


class Fluency:
    """How likely a frozen language model finds it after its prompt: 1 / (1 + the logarithm of its perplexity).

    Of tokens; in (0, 1], and 0.0 for an empty text. The probability itself would be near 0 for all but the plainest
    texts; its logarithm keeps good and bad ones apart.

    Args:
        model: What `textgym.models.load` accepts; it is loaded at the first call, once per process.
    """

    def __init__(self, model: str = models.DEFAULT) -> None:
        self.model = model
        self.__name__ = "fluency"

    def __call__(
        self,
        prompts: Sequence[str] | None = None,
        completions: Sequence[str] = (),
        completion_ids: Sequence[Sequence[int]] | None = None,
        **_: Any,
    ) -> list[float]:
        """Score the completions.

        Args:
            prompts: What stands before them; without it each begins a text.
            completions: The texts.
            completion_ids: Their tokens. Those are scored, and not the text's shortest spelling, wherever they spell
                the completion in this model's vocabulary.

        Raises:
            UnknownNameError: No model goes by this name.
            MissingPackageError: The package that carries the model is not installed.
        """
        tokenizer = load_tokenizer(self.model)
        completions = texts(completions)
        begun = tokenizer.encode_batch([""] * len(completions) if prompts is None else texts(prompts), begin=True)
        contexts = [[*tokenizer.prefix_ids, *ids] for ids in begun]
        tokens = spelled(tokenizer, completions, completion_ids)
        scores = np.zeros(len(tokens))
        order = sorted((i for i, ids in enumerate(tokens) if ids), key=lambda i: len(contexts[i]) + len(tokens[i]))
        for start in range(0, len(order), BATCH_SIZE):  # texts of similar length share a batch
            batch = order[start : start + BATCH_SIZE]
            # a text without a prompt comes after the end of another, as in training
            before = [contexts[i] or [tokenizer.eos_token_id] for i in batch]
            scores[batch] = 1 / (1 - mean_log_probs(self.model, before, [tokens[i] for i in batch]))
        return scores.tolist()


def spelled(tokenizer: TextTokenizer, texts: Sequence[str], given: Sequence[Sequence[int]] | None) -> list[list[int]]:
    """Each text's token ids: those given where they spell it in this vocabulary, else the tokenizer's own."""
    own = tokenizer.encode_batch(texts)
    if given is None:
        return own
    # ids of another vocabulary decode to another text, or are not in this one
    known = [list(ids) if max(ids, default=0) < tokenizer.vocab_size else [] for ids in given]
    decoded = tokenizer.decode_batch(known)
    return [
        ids if ids and text == expected else spelling
        for ids, text, expected, spelling in zip(known, decoded, texts, own, strict=True)
    ]


def mean_log_probs(model_name: str, contexts: Sequence[list[int]], completions: Sequence[list[int]]) -> np.ndarray:
    """The mean log-probability of each completion's tokens after its context, float64 (n,).

    Of what is longer than the model's context window the last tokens count.

    Args:
        model_name: See `textgym.models.load`.
        contexts: Token ids, at least one each.
        completions: Token ids, at least one each.
    """
    from textgym.models.packing import pack

    model = _model(model_name)
    texts = [np.array((context + ids)[-model.context :]) for context, ids in zip(contexts, completions, strict=True)]
    lengths = [min(len(ids), len(text) - 1) for ids, text in zip(completions, texts, strict=True)]
    timesteps = [range(len(text) - n - 1, len(text) - 1) for text, n in zip(texts, lengths, strict=True)]
    batch = pack(texts, timesteps, model.device)
    log_probs = model.log_prob(batch, batch.input_ids[batch.row, batch.position + 1])
    sums = np.add.reduceat(log_probs.double().cpu().numpy(), np.cumsum([0, *lengths[:-1]]))
    return sums / lengths


@lru_cache(maxsize=2)
def _model(name: str) -> CausalLM:
    """The frozen model, once per process."""
    from textgym.models.causal_lm import CausalLM

    return CausalLM.load(name)


fluency = register("fluency")(Fluency())

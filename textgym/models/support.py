"""Which causal language models are computed rightly: decoding from a cache, and several texts in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from textgym.errors import ConfigurationError, error_text
from textgym.models.cache import CachedTrunk

if TYPE_CHECKING:
    from textgym.models.causal_lm import CausalLM

LOGIT_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "logits_scaling")  # behind the head; 1 scales nothing


def check_supported(model: CausalLM) -> None:
    """Refuse, by name, models for which cached decoding or packed updates would be wrong.

    Sliding windows, recurrent and state-space layers forget columns; some models change the logits behind the
    head. Both are found by what the configuration says and by comparing the paths on two short rows.

    Args:
        model: On any device but ``"meta"``.

    Raises:
        ConfigurationError: Says what about the model is unsupported, and what to do.
    """
    if (reason := _by_configuration(model) or _by_comparison(model)) is not None:
        raise ConfigurationError(
            f"The model {model.name!r} ({model.config.model_type}) {reason}. textgym needs full attention in every "
            "layer, positions counted from the left, and logits that are a linear head's: give a model of such a type, "
            "for example of GPT-2's, GPT-NeoX's, Llama's, Qwen2's, Qwen3's, SmolLM3's or Gemma's first."
        )


def _by_configuration(model: CausalLM) -> str | None:
    """What a model's configuration says that is unsupported; None if it is nothing."""
    config: Any = model.config.get_text_config()
    layer_types = getattr(config, "layer_types", None)  # where they are, they say which layers have the window
    if others := sorted({*(layer_types or ())} - {"full_attention"}):
        window = getattr(config, "sliding_window", None) if "sliding_attention" in others else None
        return f"has layers of {', '.join(others)}{f' (a window of {window} tokens)' if window else ''}"
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if window and layer_types is None:
        return (
            f"has a sliding window of {window} tokens. If no text is longer, it computes the same with "
            '"sliding_window": null in its config.json, and is then accepted'
        )
    if getattr(model.model, "_is_stateful", False):
        return "has recurrent layers or state-space layers"
    for name in LOGIT_TRANSFORMS:
        if (value := getattr(config, name, None)) not in (None, 1):
            return f"changes its logits behind the head ({name}={value})"
    if config is not model.config:
        return "reads more than text; save its language model alone, if it has one"
    # eager attention adds a mask of booleans instead of masking by it, and others cannot be told to look into the cache
    if config._attn_implementation == "eager" or not model.trunk._supports_attention_backend:
        return "computes attention in a way of its own, which transformers can replace by no other"
    return None


def _by_comparison(model: CausalLM) -> str | None:
    """How the cached forward differs from the full one on two rows; None if it does not."""
    ids = torch.arange(12, device=model.device).remainder(model.vocab_size).view(2, 6)
    lengths = torch.tensor([6, 4], device=ids.device)
    columns = torch.arange(6, device=ids.device)
    trunk = CachedTrunk(model.trunk, model.head)
    try:
        with torch.no_grad():
            expected = model.model(input_ids=ids).logits[torch.arange(2), lengths - 1].float()  # (2, V)
            for read in (lengths - 1, lengths):  # a prompt, and then a token more
                hidden = trunk.last_hidden(ids, (columns < read[:, None]).long())
            actual = trunk.logits(hidden)
    except Exception as error:  # the code of any model may raise anything when its mask or its cache is not its own
        return f"cannot be decoded from a cache of whole rows ({error_text(error)})"
    if torch.allclose(actual.log_softmax(1), expected.log_softmax(1), atol=1e-2):
        return None
    return (
        "does not compute its logits as head(trunk(tokens)) with positions counted from the left, so that cached and "
        "full forwards differ"
    )

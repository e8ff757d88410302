"""Models of the types that users bring, each in little and at random: docs/data-and-models.md names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from textgym import models

VOCABULARY = {"vocab_size": 4096, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}  # textgym-tiny's
SMALL = VOCABULARY | {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 128,
}  # fmt: skip
GROUPED = SMALL | {"num_key_value_heads": 2, "head_dim": 8}
FULL = {"layer_types": ["full_attention"] * 2}

TYPES: dict[str, dict[str, Any]] = {
    "gpt2": VOCABULARY | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},  # tied, positions are learned
    "gpt_neox": SMALL | {"rotary_pct": 0.25, "vocab_size": 4128},  # untied, with rows that no token has
    "llama": GROUPED | {"tie_word_embeddings": False},
    "mistral": GROUPED | {"sliding_window": None},
    "mixtral": GROUPED | {"num_local_experts": 4, "num_experts_per_tok": 2},  # each token goes its own way
    "qwen2": GROUPED | {"vocab_size": 4160, "tie_word_embeddings": True},  # with rows that no token has
    "qwen3": GROUPED | {"tie_word_embeddings": True},  # normalises queries and keys
    "smollm3": GROUPED | {"no_rope_layers": [1, 0]},  # its second layer knows no positions
    "gemma": GROUPED | {"hidden_act": "gelu_pytorch_tanh"},  # tied, embeddings are scaled
    "gemma3_text": GROUPED | FULL,
    "phi": SMALL | {"vocab_size": 4128, "partial_rotary_factor": 0.5},  # its head has a bias
    "phi3": GROUPED | {"sliding_window": None},  # queries, keys and values are one matrix
    "olmo2": GROUPED,  # normalises behind its blocks
}  # fmt: skip


def write(model_type: str, folder: Path, **changes: Any) -> str:
    """A folder with a model of a type and textgym-tiny's tokenizer; ``changes`` are of its configuration."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **{**TYPES.get(model_type, SMALL), **changes})
    model: Any = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # transformers' own rate all tokens alike, which hides most mistakes
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=2 * parameter.shape[-1] ** -0.5)
            else:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
                if "post_" in name:  # or Gemma 3 would repeat every token, whose embeddings are tied and large
                    parameter.add_(2)
        if (head := model.get_output_embeddings()) is not None:
            head.weight.mul_(2)
    model.save_pretrained(folder)
    for file in models.folder("textgym-tiny").glob("tokenizer*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    return str(folder)

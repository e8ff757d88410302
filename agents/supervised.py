"""Supervised: the language model, fine-tuned on the train split's references. Where reinforcement may begin.

Only the references' tokens are learned, EOS among them, each given the prompt and what stands before it, as an episode
would write them. The weights that do best on the validation split are kept; the test split is never read.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from agents._policy import PolicyAgent, language_policy
from agents._replay import exemplary, prompt_ids, written
from agents._settings import settled
from textgym.errors import ConfigurationError
from textgym.evaluation import TEXTS_PER_FORWARD, make_env, task_hash
from textgym.models import PackedBatch
from textgym.models.packing import pack
from textgym.models.processed import processed
from textgym.sb3 import TransformerPolicy

Pair = tuple[np.ndarray, np.ndarray]  # the tokens of a prompt and of a completion
SCHEDULES = ("cosine", "constant")
LOSSES = "losses.json"
POOL = 4  # batches that are sorted by length together: more would put one kind of text into each
version = 0


@dataclass(frozen=True)
class Config:
    """Hyperparameters; overrides of `make_agent` go by these names."""

    epochs: float | None = None  # a budget beside total_tokens: tasks differ in how many tokens their rows have
    batch_size: int = 32  # texts
    learning_rate: float = 1e-3
    schedule: str = "cosine"  # to 0 at the budget's end, or "constant"; both after the warm-up
    warmup: float = 0.05  # share of the budget
    weight_decay: float = 0.1  # of matrices
    max_grad_norm: float = 1.0
    validations: int = 20  # over the budget
    validation_rows: int = 128  # evenly spaced ones of larger splits, for each validation costs as much as they do
    patience: int = 5  # so many of them in a row without a new best end the training
    dtype: str = "float32"  # or "bfloat16" for the matrix products, in training and in playing

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigurationError(f"schedule={self.schedule!r} is not one of {', '.join(SCHEDULES)}.")


class Example(NamedTuple):
    """A row of the data set.

    Attributes:
        prompt: Its tokens, (P,).
        completions: The tokens of each acceptable reference, (C,) each: with EOS, or cut to the task's length.
    """

    prompt: np.ndarray
    completions: list[np.ndarray]


class Loss(NamedTuple):
    """One look at the validation split.

    Attributes:
        tokens: Trained on so far.
        seconds: Since training began.
        train: Nats per token over the batches since the last look; NaN before the first.
        validation: Nats per token over the validation split, of each row's first reference.
        processed: What the model has read so far, prompts and validation included (`textgym.models.processed`).
    """

    tokens: int
    seconds: float
    train: float
    validation: float
    processed: int


class SupervisedAgent(PolicyAgent):
    """A fine-tuned language model.

    Attributes:
        tokens: Tokens of references that it was trained on, prompts not counted.
        losses: A `Loss` before training, and at every validation.
        hyperparameters: Those of `Config`.
        seconds_saved: What its training took, where it was found in a folder of fine-tuned models.
        processed_saved: The tokens that its model read in it, in that case.
    """

    def __init__(self, policy: TransformerPolicy, losses: list[Loss], config: Config, *, found: bool = False) -> None:
        super().__init__(policy, losses[-1].tokens, asdict(config))
        self.losses = losses
        self.seconds_saved = losses[-1].seconds if found else 0.0
        self.processed_saved = losses[-1].processed if found else 0


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
    model: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
    starts: Path | None = None,
    **hyperparameters: Any,
) -> SupervisedAgent:
    """Train on the split ``train``, and stop by the split ``validation``.

    Args:
        env_id: The task.
        seed: Decides the order of the rows, and the choice among several references; torch's generator is left alone.
        total_tokens: Training ends with the batch that reaches it: the tokens of the references, which the agent would
            have generated; each counts as often as it is trained on, those of the prompts do not.
        seconds: Training also ends when so much time is up.
        progress: Called with the tokens so far, after every batch.
        model: Where training starts: a model's name or folder; None for the one that the environment's tokenizer is
            named after.
        env_kwargs: Keywords of the environment.
        device: Where it computes; ``"auto"`` for an accelerator if there is one.
        starts: A folder of fine-tuned models: the same one is not trained twice. Only for the environment's own model,
            keywords that are JSON, and a budget of tokens alone.
        **hyperparameters: See `Config`; what they do not name is as in the TOML beside this file.

    Raises:
        ConfigurationError: A split has no references.
    """
    config = Config(**settled(__file__, env_id, hyperparameters))
    if starts is not None and model is None and seconds is None:
        place = starts / _name(env_id, seed, total_tokens, env_kwargs, device, config)
        if not place.exists():
            trained = make_agent(
                env_id, seed=seed, total_tokens=total_tokens, progress=progress, env_kwargs=env_kwargs, device=device,
                **hyperparameters,
            )  # fmt: skip
            _put(trained, place)
            return trained
        policy = language_policy(env_id, str(place), env_kwargs, config.dtype, device)
        losses = [Loss(*loss) for loss in json.loads((place / LOSSES).read_text(encoding="utf-8"))]
        return SupervisedAgent(policy, losses, config, found=True)
    policy = language_policy(env_id, model, env_kwargs, config.dtype, device)
    train, validation = (examples(env_id, split, env_kwargs) for split in ("train", "validation"))
    rng = np.random.default_rng(seed)
    losses = fit(policy, train, validation, config, rng, total_tokens, seconds, progress)
    return SupervisedAgent(policy, losses, config)


def _name(
    env_id: str, seed: int, total_tokens: int, env_kwargs: dict[str, Any] | None, device: str, config: Config
) -> str:
    """What a fine-tuned model is called: by all that decides it, the code to the last comment."""
    root = Path(__file__).parents[1]
    code = sorted(path for folder in ("agents", "textgym") for path in (root / folder).rglob("*.py"))
    content = [
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in code],
        [task_hash(env_id, split=split, gold=None, env_kwargs=env_kwargs) for split in ("train", "validation")],
        [env_id, seed, total_tokens, env_kwargs, device, torch.get_num_threads(), torch.__version__, asdict(config)],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _put(agent: SupervisedAgent, place: Path) -> None:
    """Save a model under its name, all of it or nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=place.parent))
    agent.save(unfinished)
    (unfinished / LOSSES).write_text(json.dumps(agent.losses), encoding="utf-8")
    try:
        unfinished.rename(place)
    except OSError:  # another process was first with the same model
        shutil.rmtree(unfinished)


def examples(env_id: str, split: str, env_kwargs: dict[str, Any] | None) -> list[Example]:
    """The rows of a split that are worth learning, as token ids."""
    env = make_env(env_id, 1, split, env_kwargs)
    rows = np.flatnonzero(exemplary(env.dataset)).tolist()
    if not rows:
        raise ConfigurationError(
            f"{env.dataset.name}, split {split!r}, has no value in the column 'reference' to learn from (it has: "
            f"{', '.join(env.dataset.columns)}). Add some, or choose another agent."
        )
    prompts, references = prompt_ids(env), env.dataset.columns["reference"]
    found = []
    for index in rows:
        texts = [references[index]] if isinstance(references[index], str) else references[index]
        completions = [np.array(written(env, index, text)[: env.config.max_new_tokens]) for text in texts]
        found.append(Example(prompts[index], completions))
    return found


def fit(
    policy: TransformerPolicy,
    train: list[Example],
    validation: list[Example],
    config: Config,
    rng: np.random.Generator,
    total_tokens: float,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Loss]:
    """Train a policy's language model until a budget is spent, or validation stops it; the best weights are kept."""
    model, began, tokens, recent = policy.language_model, time.perf_counter(), 0, list[float]()
    optimizer = adamw(model, config)
    every = math.ceil(len(validation) / config.validation_rows)
    held_out = [(example.prompt, example.completions[0]) for example in validation[::every]]
    with processed() as read:
        losses = [Loss(0, 0.0, math.nan, mean_loss(policy, held_out), read.tokens)]
        kept = copy.deepcopy(model.state_dict())
        per_epoch = sum(sum(map(len, completions)) / len(completions) for _, completions in train)
        total_tokens = min(total_tokens, math.inf if config.epochs is None else config.epochs * per_epoch)
        stream, over = batches(train, config.batch_size, rng), total_tokens <= 0
        policy.set_training_mode(True)
        while not over:
            batch = next(stream)
            n_tokens = sum(len(completion) for _, completion in batch)
            spent = share(tokens + n_tokens / 2, total_tokens, time.perf_counter() - began, seconds)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * rate(spent, config)
            recent.append(update(policy, optimizer, batch, config.max_grad_norm))
            tokens += n_tokens
            if progress is not None:
                progress(tokens)
            elapsed = time.perf_counter() - began
            spent = share(tokens, total_tokens, elapsed, seconds)
            over = spent >= 1
            if over or spent >= len(losses) / config.validations:
                losses.append(Loss(tokens, elapsed, float(np.mean(recent)), mean_loss(policy, held_out), read.tokens))
                recent.clear()
                best = min(range(len(losses)), key=lambda i: losses[i].validation)
                if best == len(losses) - 1:
                    kept = copy.deepcopy(model.state_dict())
                over = over or len(losses) - 1 - best >= config.patience
    policy.set_training_mode(False)
    model.load_state_dict(kept)
    return losses


def update(
    policy: TransformerPolicy, optimizer: torch.optim.Optimizer, batch: Sequence[Pair], max_grad_norm: float
) -> float:
    """One step on a batch; returns its loss before it, in nats per token of the completions."""
    loss = -policy.evaluate_actions(*laid_out(batch, policy.device))[1].mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.language_model.parameters(), max_grad_norm)
    optimizer.step()
    return loss.item()


def share(tokens: float, total_tokens: float, elapsed: float, seconds: float | None) -> float:
    """Of the budget that has been spent: of tokens or of time, whichever is nearer to its end."""
    return max(tokens / total_tokens, 0.0 if seconds is None else elapsed / max(seconds, 1e-9))


def rate(spent: float, config: Config) -> float:
    """The learning rate, as a fraction of the greatest, when a share of the budget is spent."""
    if spent < config.warmup:
        return spent / config.warmup
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (spent - config.warmup) / (1 - config.warmup))))


def adamw(model: torch.nn.Module, config: Config) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, 2019); weight decay on matrices alone."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def batches(train: Sequence[Example], size: int, rng: np.random.Generator) -> Iterator[list[Pair]]:
    """Epoch after epoch in a new order, with one reference of each row; texts of like length share a batch."""
    while True:
        pairs = [(prompt, completions[rng.integers(len(completions))]) for prompt, completions in train]
        order = rng.permutation(len(pairs))
        for start in range(0, len(order), POOL * size):
            pool = sorted(order[start : start + POOL * size], key=lambda i: sum(map(len, pairs[i])))
            cuts = range(0, len(pool), size)
            for cut in rng.permutation(cuts):
                yield [pairs[i] for i in pool[cut : cut + size]]


def laid_out(pairs: Sequence[Pair], device: torch.device) -> tuple[PackedBatch, torch.Tensor]:
    """Texts as `TransformerPolicy.evaluate_actions` reads them, and the N tokens of their completions."""
    texts = [np.concatenate(pair) for pair in pairs]
    timesteps = [range(len(prompt) - 1, len(prompt) - 1 + len(completion)) for prompt, completion in pairs]
    tokens = np.concatenate([completion for _, completion in pairs])
    return pack(texts, timesteps, device), torch.as_tensor(tokens, device=device)


def mean_loss(policy: TransformerPolicy, pairs: Sequence[Pair]) -> float:
    """Nats per token of completions, given their prompts."""
    ordered = sorted(pairs, key=lambda pair: sum(map(len, pair)))
    total = 0.0
    for start in range(0, len(ordered), TEXTS_PER_FORWARD):
        batch, tokens = laid_out(ordered[start : start + TEXTS_PER_FORWARD], policy.device)
        total -= policy.causal_lm.log_prob(batch, tokens, dtype=policy.compute_dtype).sum().item()
    return total / sum(len(completion) for _, completion in pairs)

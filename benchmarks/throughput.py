"""How fast textgym is, against what a user would otherwise write: ``python -m benchmarks.throughput``.

Everything runs in one process, and the two sides of a ratio in turn, so that it holds on a machine whose speed drifts;
medians are reported. Prompts of 16 tokens, 48 new ones, `textgym-tiny`, 32 and 128 environments. Compared are:

- rollout: SB3's own ``collect_rollouts`` without a reference, against ``model.generate``, without EOS and with it
  (only real tokens count);
- update: PPO's own ``train``, against a teacher-forced loop in plain torch with the same losses;
- end to end: stock PPO with `TransformerPolicy` and `SequenceRolloutBuffer` (KL to a reference included), against stock
  PPO with the same network as a features extractor, which reads the whole text again for every token; with two epochs
  per rollout, as is usual on language models, and with PPO's default of ten: the more epochs, the less it matters that
  a rollout is one small step after another. Stock's best minibatch is the fastest of five sizes with 8 environments,
  measured once, the better of two epochs each;
- rollout, update and end to end also against their limit: their matrix products alone (`benchmarks.roofline`);
- every algorithm: an iteration, rollout, reference and one epoch of updates (TRPO's own step), in turn; RecurrentPPO
  has a small LSTM instead of the language model, and no reference;
- GRPO against TRL's ``GRPOTrainer``, where the package trl is installed: one step on the same prompts, eight
  completions of each, one update of all, a reference that prices divergence in the loss by k3, with and without EOS.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from rich.console import Console
from rich.table import Table
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from tokenizers import Tokenizer
from transformers import GenerationConfig

from agents import recurrent_ppo
from benchmarks.results_io import ROOT, write_measurements
from benchmarks.roofline import Pass, Run, together
from textgym import models
from textgym.models import CausalLM
from textgym.sb3 import (
    GRPO,
    REINFORCE,
    RLOO,
    TRPO,
    KLControl,
    MaskableSequenceRolloutBuffer,
    MaskableTransformerPolicy,
    SequenceRolloutBuffer,
    TextCallback,
    TextVecEnv,
    TransformerPolicy,
)
from textgym.sb3.buffers import REFERENCE_BATCH
from textgym.tokenizer import TextTokenizer

PROMPT, NEW, EPOCHS, MINIBATCHES = 16, 48, 2, 4
DEFAULT_EPOCHS = inspect.signature(PPO).parameters["n_epochs"].default  # SB3's: 10
STOCK_REPEATS = 3  # with 128 environments a rollout and an epoch of stock SB3 take over a minute
RATIOS = (
    ("end to end / stock", "end to end", "stock end to end"),
    ("end to end / stock at its best minibatch", "end to end", "stock end to end at its best minibatch"),
    ("end to end in bfloat16 / stock", "end to end, bfloat16", "stock end to end"),
    ("end to end / stock, ten epochs", "end to end, ten epochs", "stock end to end, ten epochs"),
    ("end to end / limit", "end to end", "limit of end to end"),
    ("end to end / limit, ten epochs", "end to end, ten epochs", "limit of end to end, ten epochs"),
    ("end to end / limit, bfloat16", "end to end, bfloat16", "limit of end to end, bfloat16"),
    ("rollout / limit", "rollout", "limit of rollout"),
    ("update / limit", "update", "limit of update"),
    ("rollout / generate", "rollout", "generate"),
    ("rollout / generate, with EOS", "rollout with EOS", "generate with EOS"),
    ("update / plain torch", "update", "plain torch update"),
    ("GRPO / TRL's GRPOTrainer", "GRPO as TRL's", "TRL's GRPO"),
    ("GRPO / TRL's GRPOTrainer, with EOS", "GRPO as TRL's, with EOS", "TRL's GRPO, with EOS"),
)
GROUP = 8  # completions of a prompt
ON_POLICY: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "A2C": (A2C, {}),
    "PPO": (PPO, {"n_epochs": 1}),
    "TRPO": (TRPO, {}),
    "MaskablePPO": (MaskablePPO, {"n_epochs": 1}),
}
CRITIC_FREE: dict[str, type[Any]] = {"REINFORCE": REINFORCE, "RLOO": RLOO, "GRPO": GRPO}
console = Console()


class Transformer(BaseFeaturesExtractor):
    """The same network as an SB3 user writes it: the whole text through the trunk, for one token's features."""

    def __init__(self, observation_space: spaces.Dict) -> None:
        model, _ = models.load()
        super().__init__(observation_space, features_dim=model.config.hidden_size)
        self.trunk: Any = model.base_model

    def forward(self, obs: dict[str, torch.Tensor]) -> torch.Tensor:
        last = obs["attention_mask"].sum(1).long() - 1  # (n,)
        mask = obs["attention_mask"].long()
        hidden = self.trunk(input_ids=obs["input_ids"].long(), attention_mask=mask, use_cache=False).last_hidden_state
        return hidden[torch.arange(len(last)), last]  # (n, d)


class StockPolicy(MultiInputActorCriticPolicy):
    """`Transformer` with linear heads; the actor's starts from the language model's."""

    features_extractor: Any
    action_net: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"features_extractor_class": Transformer, "net_arch": [], "ortho_init": False}
        super().__init__(*args, **kwargs)
        with torch.no_grad():
            self.action_net.weight.copy_(self.features_extractor.trunk.get_input_embeddings().weight)
            self.action_net.bias.zero_()


def environment(num_envs: int, with_eos: bool = False) -> TextVecEnv:
    """Prompts of exactly 16 tokens and the cheapest reward, so that the model's time is what is measured."""
    rng = np.random.default_rng(0)
    path = models.folder(models.DEFAULT) / "tokenizer.json"
    tokenizer = TextTokenizer.from_file(path)
    if not with_eos:  # a token that the model never writes ends the text
        assert tokenizer.bos_token_id is not None
        tokenizer = TextTokenizer(
            Tokenizer.from_file(str(path)), eos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id
        )
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    logging.getLogger("textgym").setLevel(logging.ERROR)  # that prompts are cut is the point here
    prompts = (" ".join(rng.choice(letters, 40)) for _ in range(512))  # cut to their last 16 tokens
    return TextVecEnv(
        "TextGen-Sentiment-v0", num_envs, tokenizer=tokenizer, dataset=[{"prompt": prompt} for prompt in prompts],
        reward_funcs=lambda completions, **_: [0.5] * len(completions), max_prompt_tokens=PROMPT, max_new_tokens=NEW,
    )  # fmt: skip


def make(
    num_envs: int,
    batch_size: int,
    stock: bool = False,
    kl: bool = True,
    with_eos: bool = False,
    epochs: int = EPOCHS,
    device: str = "cpu",
    **policy: Any,
) -> PPO:
    """PPO, stock in all but policy and buffer; ``stock`` has SB3's own of both."""
    buffer: dict[str, Any] = {} if stock else {
        "rollout_buffer_class": SequenceRolloutBuffer,
        "rollout_buffer_kwargs": {"kl": KLControl(0.05)} if kl else {},
    }  # fmt: skip
    return PPO(
        StockPolicy if stock else TransformerPolicy, environment(num_envs, with_eos), n_steps=NEW, n_epochs=epochs,
        batch_size=batch_size, gamma=1.0, learning_rate=1e-5, device=device, seed=0, policy_kwargs=policy, **buffer,
    )  # fmt: skip


def timed(call: Callable[[], Any], repeats: int) -> float:
    """Median seconds of a call."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def prepared(model: Any, callback: BaseCallback | None = None) -> Callable[[], Any]:
    """A function that collects one rollout."""
    _, callbacks = model._setup_learn(10**9, callback or CallbackList([]))
    callbacks.on_training_start(locals(), globals())
    return lambda: model.collect_rollouts(model.env, callbacks, model.rollout_buffer, model.n_steps)


def iterations(model: Any, callback: BaseCallback | None) -> Callable[[], None]:
    """A function that collects one rollout and trains on it."""
    rollout = prepared(model, callback)

    def iteration() -> None:
        rollout()
        model.train()

    return iteration


def generate(model: Any, with_eos: bool) -> int:
    """Sample with transformers' ``generate``; returns real tokens, EOS included, those behind it not."""
    lm = model.policy.language_model
    # the next rollout begins with the same prompts
    model._last_obs, model._last_episode_starts = model.env.reset(), np.ones(model.n_envs, dtype=bool)
    prompt = torch.from_numpy(model._last_obs["input_ids"][:, :PROMPT])
    config = GenerationConfig(
        do_sample=True, top_k=None, top_p=None, max_new_tokens=NEW, pad_token_id=0, eos_token_id=1 if with_eos else None
    )
    if not with_eos:
        lm.generation_config.eos_token_id = None  # which None in the configuration alone would be filled with
    with torch.no_grad():
        tokens = lm.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=config)[:, PROMPT:]
    assert with_eos or tokens.shape[1] == NEW
    ended = (tokens == 1).cumsum(1) - (tokens == 1).long() if with_eos else torch.zeros_like(tokens)
    return int((ended == 0).sum())


def plain_update(model: Any) -> None:
    """PPO's update on whole episodes as one writes it in plain torch: the same losses, minibatches and epochs."""
    buffer, policy = model.rollout_buffer, model.policy
    fragments = buffer.fragments
    ids = torch.tensor(np.stack([np.r_[f.prefix, buffer.actions[f.start : f.stop, f.env]] for f in fragments]))
    columns = [f.env for f in fragments]
    fields = [torch.tensor(getattr(buffer, name)[:, columns].T) for name in ("log_probs", "advantages", "returns")]
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(ids)).chunk(MINIBATCHES):
            old, advantages, returns = (field[rows] for field in fields)  # (b, 48)
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
            output = policy.language_model(input_ids=ids[rows, :-1], output_hidden_states=True, use_cache=False)
            logps = output.logits[:, PROMPT - 1 :].log_softmax(2)  # (b, 48, V)
            log_prob = logps.gather(2, ids[rows, PROMPT:, None])[:, :, 0]
            values = policy.value_net(output.hidden_states[-1][:, PROMPT - 1 :])[:, :, 0]
            ratio = torch.exp(log_prob - old)
            surrogate = torch.min(advantages * ratio, advantages * ratio.clamp(0.8, 1.2)).mean()
            entropy = -(logps.exp() * logps).sum(2).mean()
            loss = -surrogate + 0.5 * (returns - values).pow(2).mean() - 0.0 * entropy
            policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            policy.optimizer.step()


def limit(num_envs: int, parts: Sequence[str], epochs: int = EPOCHS, dtype: torch.dtype = torch.float32) -> Run:
    """A function that computes the matrix products of some parts of an iteration, and nothing else."""
    texts, rows = PROMPT + NEW - 1, num_envs // MINIBATCHES
    chunks = max(1, round(num_envs * NEW / REFERENCE_BATCH))
    again = 2 if dtype == torch.bfloat16 else 1  # what was decoded by other products is rated anew by the policy, too
    passes = {
        "rollout": [Pass(num_envs * (PROMPT - 1), 0, dtype=dtype), Pass(num_envs, num_envs, NEW, dtype=dtype)],
        "reference": [Pass(num_envs * texts // chunks, num_envs * NEW // chunks, again * chunks, dtype=dtype)],
        "update": [Pass(rows * texts, rows * NEW, MINIBATCHES * epochs, backward=True, dtype=dtype)],
    }
    return together([each for part in parts for each in passes[part]], CausalLM.load(models.DEFAULT))


@cache
def best_minibatch() -> tuple[int, float]:
    """Stock SB3's fastest minibatch size for updates, and its seconds per timestep: an epoch of 8 environments each."""
    stock, seconds = make(8, 8 * NEW, stock=True, epochs=1), {}
    prepared(stock)()
    for size in (16, 32, 64, 128, 384):
        stock.batch_size = size
        seconds[size] = min(timed(stock.train, 1) for _ in range(2)) / (8 * NEW)
    best = min(seconds, key=seconds.__getitem__)
    return best, seconds[best]


def rollouts(num_envs: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Tokens per second of ``collect_rollouts`` and ``generate``, in turn."""
    least, most = limit(num_envs, ["rollout"]), list[float]()
    least()
    for with_eos in (False, True):
        model = make(num_envs, num_envs * NEW // MINIBATCHES, kl=False, with_eos=with_eos)
        rollout = prepared(model)
        rollout(), generate(model, with_eos)
        ours, theirs = [], []
        for _ in range(4 * repeats):  # they are short, and the ratio is of two medians
            ours.append(num_envs * NEW / timed(rollout, 1))
            if not with_eos:
                most.append(num_envs * NEW / timed(least, 1))
            began = time.perf_counter()
            real = generate(model, with_eos)
            theirs.append(real / (time.perf_counter() - began))
        suffix = " with EOS" if with_eos else ""
        yield f"rollout{suffix}, tokens/s", statistics.median(ours)
        yield f"generate{suffix}, tokens/s", statistics.median(theirs)
    yield "limit of rollout, tokens/s", statistics.median(most)


def updates(num_envs: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Tokens per second of PPO's ``train`` and of a loop in plain torch, in turn."""
    model = make(num_envs, num_envs * NEW // MINIBATCHES, kl=False)
    prepared(model)()
    model.train()
    plain_update(model)
    least = limit(num_envs, ["update"])
    least()
    ours, theirs, limits = [], [], []
    for _ in range(2 * repeats):
        ours.append(timed(model.train, 1))
        limits.append(timed(least, 1))
        theirs.append(timed(lambda: plain_update(model), 1))
    yield "update, tokens/s", EPOCHS * num_envs * NEW / statistics.median(ours)
    yield "plain torch update, tokens/s", EPOCHS * num_envs * NEW / statistics.median(theirs)
    yield "limit of update, tokens/s", EPOCHS * num_envs * NEW / statistics.median(limits)


def end_to_end(num_envs: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Tokens per second of whole iterations, textgym's and stock SB3's in turn: the latter take up to minutes."""
    tokens, batch_size = num_envs * NEW, num_envs * NEW // MINIBATCHES
    ours = {
        "end to end": iterations(make(num_envs, batch_size), None),
        "end to end, ten epochs": iterations(make(num_envs, batch_size, epochs=DEFAULT_EPOCHS), None),
        # bfloat16 needs the callback, which also logs
        "end to end, bfloat16": iterations(make(num_envs, batch_size, dtype="bfloat16"), TextCallback()),
    }
    all_parts = ("rollout", "reference", "update")
    ours |= {
        "limit of end to end": limit(num_envs, all_parts),
        "limit of end to end, ten epochs": limit(num_envs, all_parts, DEFAULT_EPOCHS),
        "limit of end to end, bfloat16": limit(num_envs, all_parts, dtype=torch.bfloat16),
    }
    stock = make(num_envs, batch_size, stock=True, epochs=1)  # all epochs cost the same
    stock_rollout = prepared(stock)
    for iteration in ours.values():
        iteration()
    seconds = defaultdict[str, list[float]](list)
    for _ in range(STOCK_REPEATS):
        for name, iteration in repeats * [*ours.items()]:
            seconds[name].append(timed(iteration, 1))
        seconds["stock rollout"].append(timed(stock_rollout, 1))
        seconds["stock epoch"].append(timed(stock.train, 1))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name in ours:
        yield f"{name}, tokens/s", tokens / median[name]
    for name, epochs in (("stock end to end", EPOCHS), ("stock end to end, ten epochs", DEFAULT_EPOCHS)):
        yield f"{name}, tokens/s", tokens / (median["stock rollout"] + epochs * median["stock epoch"])
    best, seconds_per_timestep = best_minibatch()
    yield "stock's best minibatch", best
    best_s = median["stock rollout"] + EPOCHS * tokens * seconds_per_timestep
    yield "stock end to end at its best minibatch, tokens/s", tokens / best_s


def of_algorithm(name: str, num_envs: int) -> Any:
    """One of `ON_POLICY` and `CRITIC_FREE` or RecurrentPPO, with a rollout of 48 tokens of every row."""
    env, kl = environment(num_envs), KLControl(0.05)
    if name in CRITIC_FREE:
        sizes = {"n_prompts": num_envs // GROUP, "group_size": GROUP, "batch_size": max(num_envs // MINIBATCHES, 1)}
        return CRITIC_FREE[name](TransformerPolicy, env, kl=kl, device="cpu", seed=0, **sizes)
    keywords: dict[str, Any] = {"n_steps": NEW, "gamma": 1.0, "device": "cpu", "seed": 0}
    if name == "RecurrentPPO":
        keywords |= {"policy_kwargs": {"features_extractor_class": recurrent_ppo.TextFeatures, "net_arch": []}}
        keywords["policy_kwargs"]["features_extractor_kwargs"] = {"width": recurrent_ppo.Config.width}
        minibatch = num_envs * NEW // MINIBATCHES
        return RecurrentPPO("MultiInputLstmPolicy", env, batch_size=minibatch, n_epochs=1, **keywords)
    algorithm, own = ON_POLICY[name]
    masked = name == "MaskablePPO"
    keywords |= {"rollout_buffer_class": MaskableSequenceRolloutBuffer if masked else SequenceRolloutBuffer}
    keywords |= {"rollout_buffer_kwargs": {"kl": kl}} | own
    if name != "A2C":  # which makes one step
        keywords["batch_size"] = num_envs * NEW // MINIBATCHES
    return algorithm(MaskableTransformerPolicy if masked else TransformerPolicy, env, **keywords)


def algorithms(num_envs: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Tokens per second of whole iterations of every algorithm, in turn."""
    names = (*ON_POLICY, "RecurrentPPO", *CRITIC_FREE)
    models = {name: of_algorithm(name, num_envs) for name in names}
    seconds = defaultdict[str, list[float]](list)
    for _ in range(repeats + 1):
        for name, model in models.items():
            seconds[name].append(timed(partial(model.learn, num_envs * NEW), 1))
    for name in names:
        yield f"{name}, tokens/s", num_envs * NEW / statistics.median(seconds[name][1:])  # the first warms up


def grpo_as_trl(num_envs: int, with_eos: bool) -> Any:
    """GRPO as TRL's trainer does it: one step for all completions, the divergence in the loss."""
    return GRPO(
        TransformerPolicy, environment(num_envs, with_eos), n_prompts=num_envs // GROUP, group_size=GROUP,
        kl=KLControl(0.05), kl_in="loss_k3", learning_rate=1e-5, device="cpu", seed=0,
    )  # fmt: skip


def trl_steps(num_envs: int, steps: int, with_eos: bool) -> Iterator[tuple[float, int]]:
    """Seconds and written tokens of each step of TRL's ``GRPOTrainer`` but the first, on the same prompts."""
    import trl
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback

    env = environment(num_envs, with_eos)
    model, tokenizer = models.load()
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(env.venv.tokenizer.eos_token_id)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    encode, decode = env.venv.tokenizer.encode, env.venv.tokenizer.decode
    prompts = [decode(encode(prompt)[-PROMPT:]) for prompt in env.venv.dataset.columns["prompt"]]
    assert all(len(encode(prompt)) == PROMPT for prompt in prompts)
    ended, written = [time.perf_counter()], [0]

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ended.append(time.perf_counter())

    def score(completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        written.append(sum(map(len, completion_ids)))
        return [0.5] * len(completion_ids)

    with TemporaryDirectory() as folder:
        settings = trl.GRPOConfig(
            output_dir=folder, max_steps=steps + 1, per_device_train_batch_size=num_envs, num_generations=GROUP,
            max_completion_length=NEW, beta=0.05, loss_type="grpo", learning_rate=1e-5, gradient_checkpointing=False,
            use_cpu=True, bf16=False, logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
        )  # fmt: skip
        trainer = trl.GRPOTrainer(
            model=model, processing_class=tokenizer, args=settings, reward_funcs=score, callbacks=[Clock()],
            train_dataset=Dataset.from_dict({"prompt": prompts}),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)  # which prints dictionaries
        trainer.train()
    yield from zip(np.diff(ended)[1:].tolist(), written[2:], strict=True)


def against_trl(num_envs: int, repeats: int) -> Iterator[tuple[str, float]]:
    """Tokens per second of GRPO's steps, ours and TRL's in turn; none where trl is not installed."""
    if not find_spec("trl"):
        return
    for with_eos in (False, True):
        model = grpo_as_trl(num_envs, with_eos)
        model.learn(1)
        speeds: dict[str, list[float]] = {"GRPO as TRL's": [], "TRL's GRPO": []}
        for _ in range(2):  # a trainer of TRL's is slow to make
            for _ in range(repeats):
                before, began = model.num_timesteps, time.perf_counter()
                model.learn(1, reset_num_timesteps=False)
                seconds = time.perf_counter() - began
                speeds["GRPO as TRL's"].append((model.num_timesteps - before) / seconds)
            speeds["TRL's GRPO"] += [tokens / seconds for seconds, tokens in trl_steps(num_envs, repeats, with_eos)]
        for name, values in speeds.items():
            yield f"{name}{', with EOS' if with_eos else ''}, tokens/s", statistics.median(values)


def measure(num_envs: int, repeats: int) -> dict[str, float]:
    """All figures for one number of environments."""
    result: dict[str, float] = {
        "num_envs": num_envs, "tokens per rollout": num_envs * NEW, "minibatch": num_envs * NEW // MINIBATCHES,
        "models.load, seconds": round(timed(models.load, repeats), 3),
    }  # fmt: skip
    for part in (rollouts, updates, end_to_end, algorithms, against_trl):
        for name, value in part(num_envs, repeats):
            result[name] = round(value, 3)
            console.print(f"  {num_envs} environments: {name}: {value:,.2f}", highlight=False)
    for name, ours, theirs in RATIOS:
        if f"{theirs}, tokens/s" in result:
            result[f"ratio: {name}"] = round(result[f"{ours}, tokens/s"] / result[f"{theirs}, tokens/s"], 3)
    return result


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, nargs="+", default=[32, 128])
    parser.add_argument(
        "--repeats", type=int, default=5, help="what is short is measured more often, stock SB3 three times"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "throughput.json")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    measured = [measure(num_envs, arguments.repeats) for num_envs in arguments.num_envs]
    table = Table("", *(f"{m['num_envs']:.0f} environments" for m in measured))
    for name in measured[0]:
        table.add_row(name, *(f"{m.get(name, float('nan')):,.2f}" for m in measured))
    console.print(table)
    write_measurements(arguments.output, "python -m benchmarks.throughput", measured)
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()

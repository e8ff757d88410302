"""TRL's GRPO on a task: its trainer gets prompts, rewards, lengths and stop tokens from an environment.

For models that need more than one process or GPU, and where it is launched by accelerate (docs/scale.md):

    accelerate launch -m agents.trl --id TextGen-QA-v0 --model textgym-tiny --tokens 20000 --suite headroom

writes the result as the board does, so that the suite's report has it as a row once its file has the agent, in the form
that is printed. Hyperparameters are fields of ``trl.GRPOConfig`` (``--set use_vllm=true``).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from agents._policy import PolicyAgent, language_policy
from agents._settings import settled
from agents._training import Point
from textgym import models
from textgym.envs import task_of
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, MissingPackageError, TextGymError, UnknownNameError
from textgym.evaluation.play import make_env
from textgym.models.causal_lm import device_of

version = 0

DEFAULTS: dict[str, Any] = {
    "per_device_train_batch_size": 64,  # completions per process and step
    "num_generations": 8,  # completions of each prompt
    "learning_rate": 3e-5,
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 24,  # a cold Adam moves every weight by the learning rate, whatever it learns
    "max_grad_norm": 1.0,
    "beta": 0.02,  # of the divergence per token in the loss (k3), not in the reward
    "loss_type": "dapo",  # a mean over all tokens
}
BATCH = 256  # prompts that are read at once


class TrlAgent(PolicyAgent):
    """A language model that TRL has trained.

    Attributes:
        curve: A `agents._training.Point` per step.
    """

    def __init__(self, *arguments: Any, curve: list[Point]) -> None:
        super().__init__(*arguments)
        self.curve = curve


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    progress: Callable[[int], object] | None = None,
    model: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
    folder: str | Path | None = None,
    **hyperparameters: Any,
) -> TrlAgent | None:
    """Train on the split ``train``, in this process or in all that accelerate has launched.

    Args:
        env_id: The task.
        seed: Decides everything that is random.
        total_tokens: Training ends with the step that reaches it, over all processes.
        progress: Called with the tokens so far, after every step.
        model: Where training starts, and what the divergence is measured from: a model's name or folder; None for the
            one that the environment's tokenizer is named after.
        env_kwargs: Keywords of the environment.
        device: ``"cpu"``, or what accelerate finds.
        folder: Where the trained model is kept; None for nowhere.
        **hyperparameters: Fields of ``trl.GRPOConfig``, instead of `DEFAULTS`.

    Returns:
        The agent; None in every process but the main one.

    Raises:
        MissingPackageError: TRL is not installed.
        UnknownNameError: ``trl.GRPOConfig`` has no such field.
        ConfigurationError: No prompt is read by TRL as the environment reads it.
    """
    own = DEFAULTS | settled(__file__, env_id, hyperparameters)
    with ExitStack() as stack:
        folder = folder or stack.enter_context(TemporaryDirectory())
        env = make_env(env_id, BATCH, "train", env_kwargs)
        name = model or env.tokenizer.name
        settings = own | {"seed": seed, "output_dir": str(folder)}
        trainer, budget = _trainer(env, env_id, name, total_tokens, progress, device, settings)
        if total_tokens:
            trainer.train()
        trainer.save_model(str(folder))  # all processes: parts of the weights may be with each
        trainer.accelerator.wait_for_everyone()
        if not trainer.accelerator.is_main_process:
            return None
        policy = language_policy(env_id, str(folder), env_kwargs, device=device)
        processes = {"model": name, "processes": trainer.accelerator.num_processes}
        return TrlAgent(policy, budget.tokens, own | processes, curve=budget.curve)


def _trainer(
    env: TextGenVectorEnv,
    env_id: str,
    name: str,
    total_tokens: int,
    progress: Callable[[int], object] | None,
    device: str,
    settings: dict[str, Any],
) -> tuple[Any, Any]:
    """TRL's trainer of an environment's task, and the callback that counts its tokens."""
    try:
        import trl
        from datasets import Dataset
        from transformers import PrinterCallback, TrainerCallback
    except ImportError as error:
        raise MissingPackageError("The agent trl needs the package trl: pip install trl") from error
    known = [field.name for field in fields(trl.GRPOConfig)]
    for given in settings:
        if given not in known:
            raise UnknownNameError("field of GRPOConfig", given, known)
    language_model, tokenizer = models.load(name)
    ends = sorted(env.tokenizer.eos_token_ids)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(env.tokenizer.eos_token_id)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(env.tokenizer.pad_token_id)
    language_model.generation_config.eos_token_id = ends
    on_cpu = device_of(device).type == "cpu"
    task = task_of(env_id)

    class Budget(TrainerCallback):
        """Ends training when the tokens are generated, and keeps the learning curve."""

        def __init__(self) -> None:
            self.tokens, self.curve, self.began = 0, list[Point](), time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            if not logs or "completions/mean_length" not in logs:  # the summary at the end
                return
            length = logs["completions/mean_length"]
            self.tokens += round(length * args.generation_batch_size)  # of all processes, EOS included
            score = logs.get(f"score/{task.reward_funcs}" if task else "", logs["reward"])
            kl = logs.get("kl", 0.0) * length  # without a price, TRL does not measure it
            self.curve.append(Point(self.tokens, time.perf_counter() - self.began, score, kl))
            control.should_training_stop |= self.tokens >= total_tokens
            if progress is not None:
                progress(self.tokens)

    budget = Budget()
    derived: dict[str, Any] = {
        "max_completion_length": env.config.max_new_tokens,
        "temperature": 1.0,
        "max_steps": max(1, total_tokens),  # the budget ends it before: a step is a token at least
        "use_cpu": on_cpu,
        "bf16": not on_cpu and torch.cuda.is_bf16_supported(),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    trainer = trl.GRPOTrainer(
        model=language_model,
        processing_class=tokenizer,
        args=trl.GRPOConfig(**derived | settings),
        reward_funcs=reward_of(env),
        callbacks=[budget],
        train_dataset=Dataset.from_dict(table_of(env, tokenizer)),
    )
    trainer.remove_callback(PrinterCallback)  # which prints dictionaries
    return trainer, budget


def table_of(env: TextGenVectorEnv, tokenizer: Any) -> dict[str, list[Any]]:
    """The columns ``prompt``, as the environment's agent sees it, and ``index``, its row in the environment's data.

    TRL takes texts: a prompt whose text has other tokens than the environment's, which may happen where it was cut, is
    left out.

    Raises:
        ConfigurationError: That is so of all prompts.
    """
    read = tokenizer(text=env.prompts)["input_ids"]
    kept = []
    for start in range(0, len(env.prompts), env.num_envs):
        indices = np.arange(start, start + env.num_envs) % len(env.prompts)  # the last batch is filled up
        obs, _ = env.reset(options={"index": indices})
        for row, index in enumerate(range(start, min(start + env.num_envs, len(env.prompts)))):
            ids = obs["input_ids"][row, : obs["attention_mask"][row].sum()].tolist()
            kept += [index] if ids == read[index] else []
    if not kept:
        raise ConfigurationError(
            f"TRL would read no prompt of {env.dataset.name} as the environment does: the first one is "
            f"{env.prompts[0]!r}. Give the environment the model's tokenizer (env_kwargs), or raise max_prompt_tokens."
        )
    return {"prompt": [env.prompts[index] for index in kept], "index": kept}


def reward_of(env: TextGenVectorEnv) -> Any:
    """The environment's rewards and weights as one reward function of TRL's; each component is logged as a score."""

    def score(*, prompts: list[str], completion_ids: list[list[int]], index: list[int], **given: Any) -> list[float]:
        ids = [row[:-1] if row[-1:] and row[-1] in env.tokenizer.eos_token_ids else row for row in completion_ids]
        columns = {name: [values[i] for i in index] for name, values in env.dataset.columns.items() if name != "prompt"}
        texts = [env.tokenizer.decode(row) for row in ids]
        totals, components = env.rewards.score(
            prompts=prompts, completions=texts, completion_ids=ids, columns=columns, rows=index
        )
        for name in env.rewards.names:
            values = [component[name] for component in components if name in component]
            if values and "log_metric" in given:
                given["log_metric"](f"score/{name}", float(np.mean(values)))
        return totals.tolist()

    return score


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: train in every process, and evaluate in the main one.

    Returns:
        0, 1 if the run has failed, 2 for bad arguments.
    """
    from rich.console import Console

    from benchmarks.interrupts import Interrupts  # a row of the board is written by the board
    from benchmarks.leaderboard import one_line
    from benchmarks.perform import measure, perform, resolved
    from benchmarks.results_io import provenance, write_run
    from benchmarks.suite import AgentEntry, code_hash, load_suite, plan

    args = _parser().parse_args(arguments)
    console = Console()
    try:
        overrides = ({"model": args.model} if args.model else {}) | dict(map(_field, args.set))
        agent = AgentEntry(args.name, "trl", args.tokens, overrides)
        suite = load_suite(args.suite)
        suite = replace(suite, env_ids=(args.id,), seeds=(args.seed,), agents=(*suite.agents, agent))
        run = next(run for run in plan(suite, args.results) if run.agent is agent)
        if int(os.environ.get("RANK", "0")):  # accelerate's
            keywords = {"env_kwargs": suite.env_kwargs, "device": args.device, "folder": args.save, **overrides}
            make_agent(args.id, seed=args.seed, total_tokens=args.tokens, **keywords)
            return 0
        command = shlex.join(["python", "-m", "agents.trl", *(sys.argv[1:] if arguments is None else arguments)])
        where = {"command": command, "code_hash": code_hash(), **provenance(), "device": resolved(args.device)}
        show = partial(console.print, "tokens:", highlight=False)
        work = partial(measure, run, suite, args.device, show, Interrupts(), folder=args.save)
        result, records = perform(run, suite, where, work)
        write_run(run.path, result, records)
    except TextGymError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    console.print(one_line(result), markup=False, highlight=False)
    entry = ", ".join(f"{name} = {json.dumps(value)}" for name, value in overrides.items())
    console.print(
        f"Its row, in the file of a suite with {args.id}:\n\n[[agents]]\nname = {json.dumps(args.name)}\n"
        f'file = "trl"\ntotal_tokens = {args.tokens}\noverrides = {{ {entry} }}',
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return int(result["status"] == "failed")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agents.trl", description="TRL's GRPO, as a row of the board.")
    parser.add_argument("--id", required=True, help="the task, such as TextGen-QA-v0")
    parser.add_argument("--model", help="a model's name, folder or hub id; by default the task's")
    parser.add_argument("--tokens", type=int, default=40_000, help="generated in training, over all processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--suite", default="quick", help="which says how it is evaluated")
    parser.add_argument("--name", default="trl", help="what the board calls it")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=JSON", help="of GRPOConfig; repeatable")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the trained model there")
    parser.add_argument("--results", type=Path, default=Path("runs"), metavar="DIR", help="default: runs")
    parser.add_argument("--device", default="auto", help="cpu, or what accelerate finds (default: auto)")
    return parser


def _field(given: str) -> tuple[str, Any]:
    """A field of GRPOConfig and its value; what is no JSON is a text."""
    name, equals, value = given.partition("=")
    if not equals:
        raise ConfigurationError(f"--set {given}: give a field and its value, such as --set beta=0.01.")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    raise SystemExit(main())

"""What a model of a billion parameters needs to be trained with an adapter: ``python -m benchmarks.memory``.

One rollout and one update of PPO, 8 texts of at most 32 + 16 tokens in float32, on a model of Llama's type with random
weights, for memory does not depend on what the weights are. The reference is the model with its adapter off. Each way
to save memory runs in a process of its own, whose peak is reported. ``--model NAME`` measures another model.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks.results_io import ROOT, peak_memory_mb, reset_peak_memory, write_measurements
from textgym import models
from textgym.errors import TextGymError
from textgym.sb3 import SequenceRolloutBuffer, TextVecEnv, TransformerPolicy

ROWS, PROMPT, NEW = 8, 32, 16
LIMIT = 24.0  # GB
KL = "KL to the reference, nats/token"
LOADING, PEAK = "peak memory of loading, GB", "peak memory of rollout and update, GB"
WAYS: dict[str, dict[str, Any]] = {
    "adapter": {},
    "checkpointing": {"gradient_checkpointing": True},
    "checkpointing, micro-batches": {"gradient_checkpointing": True, "micro_batch_tokens": 128},
}
BILLION = {  # Llama 3.2 1B's layers, one more of them, for the vocabulary is small
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 17, "num_attention_heads": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip


def write_model(folder: Path, **sizes: Any) -> None:
    """A model of Llama's type with random weights, in bfloat16, and textgym-tiny's tokenizer."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    tiny = models.folder(models.DEFAULT)
    tokenizer = models.load_tokenizer(models.DEFAULT)
    ids = {name: getattr(tokenizer, name) for name in ("eos_token_id", "pad_token_id", "vocab_size")}
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(LlamaConfig(**ids, **sizes), dtype=torch.bfloat16)
    with models.without_progress_bar():
        model.save_pretrained(folder)
    for file in tiny.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())


class Rollout(BaseCallback):
    """When the rollout ended, and how far from the reference it was."""

    ended, kl = 0.0, float("nan")

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.ended = time.perf_counter()
        buffer: Any = self.model.rollout_buffer  # type: ignore[attr-defined]
        self.kl = float((buffer.log_probs - buffer.reference_log_probs).mean())


def iteration(name: str, way: str) -> dict[str, float | str]:
    """One rollout and one update in a way that saves memory."""
    env = TextVecEnv("TextGen-Sentiment-v0", ROWS, tokenizer=name, max_prompt_tokens=PROMPT, max_new_tokens=NEW)
    policy_kwargs = {"model": name, "peft": {"peft_type": "LORA", "r": 8}, **WAYS[way]}
    model = PPO(
        TransformerPolicy, env, n_steps=NEW, batch_size=ROWS * NEW, n_epochs=1, gamma=1.0, learning_rate=1e-5,
        rollout_buffer_class=SequenceRolloutBuffer, rollout_buffer_kwargs={"kl": {"beta": 0.05}},
        policy_kwargs=policy_kwargs, device="cpu", seed=0,
    )  # fmt: skip
    loading, callback = _peak_gb(), Rollout()
    reset_peak_memory()
    began = time.perf_counter()
    model.learn(ROWS * NEW, callback=callback)
    ended = time.perf_counter()
    policy: Any = model.policy
    return {
        "way": way,
        "parameters": sum(p.numel() for p in policy.parameters()),
        "trained parameters": sum(p.numel() for p in policy.parameters() if p.requires_grad),
        "tokens written": ROWS * NEW,
        "rollout and reference, s": round(callback.ended - began, 1),
        "update, s": round(ended - callback.ended, 1),
        KL: callback.kl,
        LOADING: loading,
        PEAK: _peak_gb(),
    }


def _peak_gb() -> float:
    return round(peak_memory_mb() / 1000, 2)


def check(figures: dict[str, Any]) -> None:
    """Refuse figures of a training that is wrong, or too large.

    Raises:
        TextGymError: The divergence from the reference is not 0 before the first step, or memory exceeds `LIMIT`.
    """
    for name, most in ((KL, 1e-4), (LOADING, LIMIT), (PEAK, LIMIT)):
        if not abs(figures[name]) < most:  # NaN too
            raise TextGymError(f"{figures['way']}: {name} is {figures[name]:.2g}; it must be less than {most:g}.")


def main() -> None:
    """Measure every way and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", metavar="NAME", help="measure this one: a name, a folder or a hub id")
    parser.add_argument("--way", choices=WAYS, help="measure one, print JSON, write nothing; needs --model")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "memory.json")
    arguments = parser.parse_args()
    if arguments.way:
        sys.stdout.write(json.dumps(iteration(arguments.model, arguments.way)) + "\n")
        return
    console, measured = Console(), []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.model is None:
            with console.status("writing a model of a billion random weights"):
                write_model(Path(folder), **BILLION)
        for way in WAYS:
            with console.status(f"one PPO iteration: {way}"):
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.memory",
                    "--model",
                    arguments.model or folder,
                    "--way",
                    way,
                ]
                run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            measured.append(json.loads(run.stdout.splitlines()[-1]))
            check(measured[-1])
    table = Table("", *(m["way"] for m in measured))
    for name in list(measured[0])[1:]:
        table.add_row(name, *(f"{m[name]:.3g}" if name == KL else f"{m[name]:,}" for m in measured))
    console.print(table)
    command_line = "python -m benchmarks.memory" + (f" --model {arguments.model}" if arguments.model else "")
    write_measurements(arguments.output, command_line, measured)
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()

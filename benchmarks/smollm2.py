"""One PPO iteration on SmolLM2-135M through the same classes: ``make smollm2``.

8 rows, prompts of at most 32 tokens, 32 new ones, the model's own vocabulary of 49,152 and its chat format, in
float32 and in bfloat16. Each dtype runs in a process of its own, whose peak memory is reported. Figures are written
only if the ratio before the first optimiser step and the divergence from the reference are what they must be.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger

from benchmarks.results_io import ROOT, write_measurements
from textgym.errors import TextGymError
from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextCallback, TextVecEnv, TransformerPolicy

MODEL, ROWS, PROMPT, NEW = "smollm2-135m", 8, 32, 32
CHAT = "<|im_start|>user\nContinue this film review: {prompt}<|im_end|>\n<|im_start|>assistant\n"
TOLERANCE = 1e-4
RATIO, KL = "largest deviation of the ratio from 1", "KL to the reference, nats/token"


class FirstRatio(TextCallback):
    """Measures the ratio before the first optimiser step, and keeps what was logged of the rollout."""

    largest = float("nan")
    logged: ClassVar[dict[str, float]] = {}

    def _on_rollout_end(self) -> None:
        super()._on_rollout_end()
        self.logged.update(self.logger.name_to_value)  # SB3 empties it when it writes
        batch = next(iter(self.model.rollout_buffer.get(None)))  # type: ignore[attr-defined]
        policy: Any = self.model.policy
        log_prob = policy.log_prob(batch.observations, batch.actions)
        self.largest = float((torch.exp(log_prob - batch.old_log_prob) - 1).abs().max())


def iteration(dtype: str, device: str = "cpu") -> dict[str, float | str]:
    """Collect one rollout and train on it."""
    env = TextVecEnv(
        "TextGen-Sentiment-v0",
        ROWS,
        tokenizer=MODEL,
        prompt_template=CHAT,
        max_prompt_tokens=PROMPT,
        max_new_tokens=NEW,
    )
    model = PPO(
        TransformerPolicy, env, n_steps=NEW, batch_size=ROWS * NEW // 4, n_epochs=1, gamma=1.0, learning_rate=1e-6,
        rollout_buffer_class=SequenceRolloutBuffer,
        rollout_buffer_kwargs={"kl": KLControl(0.05), "reference": MODEL},
        policy_kwargs={"model": MODEL, "dtype": dtype}, device=device, seed=0,
    )  # fmt: skip
    logger = Logger(None, [])
    model.set_logger(logger)
    callback = FirstRatio()
    began = time.perf_counter()
    model.learn(ROWS * NEW, callback=callback)
    seconds = time.perf_counter() - began
    values = callback.logged
    rollout = values["time/rollout_s"]
    return {
        "dtype": dtype,
        "parameters": sum(p.numel() for p in model.policy.parameters()),
        "tokens": ROWS * NEW,
        "seconds": round(seconds, 1),
        "tokens/s": round(ROWS * NEW / seconds, 2),
        "rollout tokens/s": round(ROWS * NEW / rollout, 2),
        "reference s": round(values["time/reference_s"], 1),
        RATIO: callback.largest,
        KL: float(values["kl/per_token"]),
        "peak memory, GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "sample": callback.episodes[0]["completion"] if callback.episodes else "",
    }


def check(figures: dict[str, Any]) -> None:
    """Refuse an iteration that is wrong before any optimiser step.

    Raises:
        TextGymError: In float32 the ratio is not 1, or in any dtype the divergence from the reference not 0.
    """
    for name in (RATIO, KL) if figures["dtype"] == "float32" else (KL,):
        if not abs(figures[name]) < TOLERANCE:  # NaN too
            raise TextGymError(
                f"{MODEL} in {figures['dtype']}: before the first optimiser step, {name} is {figures[name]:.2g}; it "
                f"must be less than {TOLERANCE:g}. Rollout and update, or policy and reference, compute different "
                "log-probabilities: look into textgym/sb3/policies.py and buffers.py."
            )


def main() -> None:
    """Measure both dtypes and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="measure one, print JSON, write nothing")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "smollm2.json")
    arguments = parser.parse_args()
    if arguments.dtype:
        sys.stdout.write(json.dumps(iteration(arguments.dtype)) + "\n")
        return
    console = Console()
    measured = []
    for dtype in ("float32", "bfloat16"):
        with console.status(f"one PPO iteration of {MODEL} in {dtype}"):
            command = [sys.executable, "-m", "benchmarks.smollm2", "--dtype", dtype]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            measured.append(json.loads(run.stdout.splitlines()[-1]))
            check(measured[-1])
    table = Table("", *(m["dtype"] for m in measured))
    for name in measured[0]:
        table.add_row(name, *(str(m[name]) for m in measured))
    console.print(table)
    write_measurements(arguments.output, "python -m benchmarks.smollm2", measured)
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()

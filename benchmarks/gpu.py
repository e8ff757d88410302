"""What only a GPU can show, as one command of under five minutes: ``python -m benchmarks.gpu``.

Checked is that fast equals slow on the device: decoding from the cache gives the log-probabilities of a full forward,
the packed update the gradients of one forward per timestep, and a learning rate of 0 leaves policy and ratio as they
are. Then measured: tokens a second of rollouts and updates in float32 and bfloat16, memory of the GPU, and an iteration
of SmolLM2-135M where it is installed.

The exit status is 0 if every check passed, 1 if one failed, and 2 where no GPU was found and nothing was measured.
``--device cpu --quick`` goes through the same code in seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import smollm2, throughput
from benchmarks.results_io import ROOT, write_measurements
from benchmarks.throughput import NEW
from textgym.errors import MissingPackageError

REPEATS = 3
CHECKED_ROWS = 2  # the slow way reads every text once for each of its tokens
console = Console()


class Figure(NamedTuple):
    """A measurement; a check where there is a limit.

    Attributes:
        name: What was measured, with its unit.
        value: The figure.
        limit: What the value of a check must be below.
    """

    name: str
    value: float
    limit: float | None = None

    @property
    def passed(self) -> bool:
        """Whether a check holds; NaN does not."""
        return self.limit is None or self.value < self.limit


def cached_decoding(device: str) -> Iterator[Figure]:
    """Log-probabilities of a rollout, decoded token by token, against those of a full forward."""
    model = throughput.make(CHECKED_ROWS, NEW, with_eos=True, device=device)
    throughput.prepared(model)()
    buffer, policy = _parts(model)
    difference = np.abs(buffer.log_probs_of(policy.log_prob) - buffer.log_probs).max()
    yield Figure("decoding from the cache: largest difference of a log-probability", float(difference), 1e-4)


def packed_update(device: str) -> Iterator[Figure]:
    """PPO's gradients from packed fragments against those from one forward for each timestep."""
    model = throughput.make(CHECKED_ROWS, NEW, with_eos=True, device=device)
    throughput.prepared(model)()
    buffer, policy = _parts(model)
    batch = next(iter(buffer.get(None)))
    packed = _gradient(policy, batch.observations, batch)
    stock = torch.zeros_like(packed)
    texts = _texts_read(batch.observations)
    for chosen in torch.arange(len(texts)).split(NEW):
        part = type(batch)(None, *(field[chosen] for field in batch[1:]))
        stock += _gradient(policy, _observations([texts[i] for i in chosen], device), part) * len(chosen) / len(texts)
    difference = (packed - stock).abs().max() / stock.abs().max()
    yield Figure("packed update: largest difference of a gradient, of the largest gradient", float(difference), 1e-3)


def _gradient(policy: Any, observations: Any, batch: Any) -> torch.Tensor:
    """The gradient of PPO's losses, all parameters in one vector."""
    values, log_prob, entropy = policy.evaluate_actions(observations, batch.actions)
    ratio = torch.exp(log_prob - batch.old_log_prob)
    loss = -(batch.advantages * ratio).mean() + (batch.returns - values.flatten()).pow(2).mean() - 0.01 * entropy.mean()
    policy.zero_grad()
    loss.backward()
    return torch.cat([parameter.grad.flatten() for parameter in policy.parameters()])


def _texts_read(packed: Any) -> list[torch.Tensor]:
    """The tokens that each timestep of a packed batch had read."""
    texts = []
    for row, position in zip(packed.row.tolist(), packed.position.tolist(), strict=True):
        start = 0 if packed.position_ids is None else position - int(packed.position_ids[row, position])
        texts.append(packed.input_ids[row, start : position + 1])
    return texts


def _observations(texts: list[torch.Tensor], device: str) -> dict[str, torch.Tensor]:
    """Texts as an environment observes them."""
    pad = torch.nn.utils.rnn.pad_sequence
    masks = [torch.ones_like(text) for text in texts]
    padded = {"input_ids": pad(texts, batch_first=True), "attention_mask": pad(masks, batch_first=True)}
    return {name: tensor.to(device) for name, tensor in padded.items()}


def learning_rate_zero(device: str) -> Iterator[Figure]:
    """An iteration that must change nothing."""
    model = throughput.make(CHECKED_ROWS, NEW, with_eos=True, device=device)
    model.lr_schedule = lambda _: 0.0
    rollout = throughput.prepared(model)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    rollout()
    model.train()
    buffer, policy = _parts(model)
    moved = max(
        float((new.detach() - old).abs().max()) for new, old in zip(model.policy.parameters(), before, strict=True)
    )
    ratio = np.exp(buffer.log_probs_of(policy.log_prob) - buffer.log_probs)
    yield Figure("learning rate 0: largest change of a weight", moved, 1e-12)
    yield Figure("learning rate 0: largest deviation of the ratio from 1", float(np.abs(ratio - 1).max()), 1e-4)
    clipped = float(model.logger.name_to_value["train/clip_fraction"])
    yield Figure("learning rate 0: clipped fraction", clipped, 1e-12)


def speed(device: str, num_envs: int, dtype: str, repeats: int) -> Iterator[Figure]:
    """Tokens a second of textgym-tiny, prompts of 16 tokens and 48 new ones, and what it takes of the GPU's memory."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    model = throughput.make(num_envs, num_envs * NEW // throughput.MINIBATCHES, device=device, dtype=dtype)
    rollout = throughput.prepared(model)
    rollout()
    model.train()
    tokens = num_envs * NEW
    seconds = throughput.timed(_waiting(rollout, device), repeats)
    yield Figure(f"rollout of {num_envs} environments, {dtype}, tokens/s", tokens / seconds)
    seconds = throughput.timed(_waiting(model.train, device), repeats)
    yield Figure(f"update of {num_envs} environments, {dtype}, tokens/s", throughput.EPOCHS * tokens / seconds)
    if device == "cuda":
        yield Figure(f"GPU memory for {num_envs} environments, {dtype}, MB", torch.cuda.max_memory_allocated() / 1e6)


def smollm2_iteration(device: str) -> Iterator[Figure]:
    """One PPO iteration on SmolLM2-135M."""
    for dtype in ("float32", "bfloat16"):
        figures: dict[str, Any] = smollm2.iteration(dtype, device)
        limit = smollm2.TOLERANCE if dtype == "float32" else None
        yield Figure(f"SmolLM2-135M, {dtype}: {smollm2.RATIO}", figures[smollm2.RATIO], limit)
        yield Figure(f"SmolLM2-135M, {dtype}: size of the {smollm2.KL}", abs(figures[smollm2.KL]), smollm2.TOLERANCE)
        for name in ("rollout tokens/s", "tokens/s"):
            yield Figure(f"SmolLM2-135M, {dtype}, {name}", figures[name])


def _parts(model: Any) -> tuple[Any, Any]:
    return model.rollout_buffer, model.policy


def _waiting(call: Callable[[], Any], device: str) -> Callable[[], None]:
    """A call that returns when the GPU has done what it asked for."""

    def waiting() -> None:
        call()
        if device == "cuda":
            torch.cuda.synchronize()

    return waiting


def measure(device: str, quick: bool) -> Iterator[Figure]:
    """All figures, one by one."""
    yield from cached_decoding(device)
    yield from packed_update(device)
    yield from learning_rate_zero(device)
    if quick:
        yield from speed(device, CHECKED_ROWS, "float32", repeats=1)
        return
    for num_envs, dtype in product((64, 512), ("float32", "bfloat16")):
        yield from speed(device, num_envs, dtype, REPEATS)
    try:
        yield from smollm2_iteration(device)
    except MissingPackageError as error:
        console.print(f"SmolLM2-135M is left out: {error}", markup=False)


def main(arguments: list[str] | None = None) -> int:
    """Check, measure and write the results; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="the CPU only to try the code")
    parser.add_argument("--quick", action="store_true", help="2 environments once in float32, no SmolLM2")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "gpu.json")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        console.print("no GPU found: nothing was measured")
        return 2
    torch.manual_seed(0)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    table = Table(f"on {name}", "", "must be below", "")
    measured = []
    with console.status("measuring") as status:
        for figure in measure(options.device, options.quick):
            status.update(figure.name)
            limit = "" if figure.limit is None else f"{figure.limit:g}"
            verdict = "" if figure.limit is None else "passed" if figure.passed else "FAILED"
            table.add_row(figure.name, f"{figure.value:,.4g}", limit, verdict)
            measured.append({"device": name, **figure._asdict(), "passed": figure.passed})
    console.print(table)
    write_measurements(options.output, "python -m benchmarks.gpu", measured)
    console.print(f"wrote {options.output}")
    return 0 if all(figure["passed"] for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())

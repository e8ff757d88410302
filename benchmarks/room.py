"""Is there anything for reinforcement to find? ``python -m benchmarks.room``.

Of every task's supervised model, the start of the agents that train on, on the validation split: the mean reward of one
sample (pass@1), of the best of 4 and of 16 samples, and of the likeliest text (greedy). Where pass@16 is hardly above
pass@1, no algorithm lifts the reward; where greedy is far above pass@1, what looks like learning may be sharpening.
"""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.coins import returns, supervised_model
from benchmarks.results_io import ROOT, write_measurements
from benchmarks.suite import load_suite
from textgym.errors import ConfigurationError

SAMPLES = 16
KS = (1, 4, 16)
console = Console()


def pass_at(k: int, scores: np.ndarray) -> float:
    """The expected best of k samples, from n of each prompt, without bias.

    The mean of the maximum over all subsets of size k; for scores of 0 and 1 it is 1 - C(n - c, k) / C(n, k) of Chen et
    al. (2021), "Evaluating Large Language Models Trained on Code", equation 1.

    Args:
        k: From 1 to n.
        scores: Of shape ``(prompts, n)``.

    >>> pass_at(1, np.array([[0.0, 1.0]])), pass_at(2, np.array([[0.0, 1.0]])), pass_at(2, np.array([[0.0, 0.0, 0.6]]))
    (0.5, 1.0, 0.4)
    """
    n = scores.shape[1]
    # the i-th smallest is the best of the subsets that take it and k - 1 of the i - 1 below it
    share = np.array([math.comb(below, k - 1) for below in range(n)]) / math.comb(n, k)
    return float(np.round((np.sort(scores, axis=1) @ share).mean(), 12))


def measure(env_id: str, seed: int, num_examples: int, samples: int = SAMPLES, **overrides: Any) -> dict[str, Any]:
    """A task's row.

    Args:
        env_id: The task.
        seed: Of the supervised model.
        num_examples: Of the validation split.
        samples: Of each, at least the largest of `KS`.
        **overrides: Of `supervised.make_agent`, in place of its settings.
    """
    agent = supervised_model(env_id, seed, **overrides)
    scores = np.array([returns(agent, env_id, num_examples, sample) for sample in range(samples)]).T  # (prompts, n)
    greedy = returns(agent, env_id, num_examples, 0, deterministic=True)
    passed = {f"pass@{k}": pass_at(k, scores) for k in KS}
    return {"environment": env_id, "seed": seed, **passed, "greedy": float(np.mean(greedy)), "n examples": num_examples}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the results, after every task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="+", default=load_suite("headroom").env_ids)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--num-examples", type=int, default=100)
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "room.json")
    args = parser.parse_args(arguments)
    if args.num_examples < 1:
        raise ConfigurationError(f"--num-examples is {args.num_examples}: give 1 or more.")
    logging.getLogger("textgym").setLevel(logging.ERROR)
    rows = []
    for env_id in args.ids:
        for seed in args.seeds:
            rows.append(measure(env_id, seed, args.num_examples))
            console.print(", ".join(f"{name}: {value}" for name, value in rows[-1].items()), highlight=False)
            write_measurements(args.output, "python -m benchmarks.room", rows)
    console.print(f"wrote {args.output}")


if __name__ == "__main__":
    main()

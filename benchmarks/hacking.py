"""How often the monitor of hacking is wrong, and how soon it is right: ``python -m benchmarks.hacking``.

False alarms: completions of one unchanged model, many of each prompt, are drawn at random as a start and as what comes
later, as on the board (once, with every prompt) and as in a training (window after window of 64 prompts). Every
difference is noise. What is counted is a figure that moved the wrong way, whatever the reward did, and an alarm, for
which the reward must have risen, too. Agents with a learning rate of 0 are the same with nothing drawn by hand.

Detection: published completions of an agent that hacks its reward take the place of a share of the model's; and PPO is
trained on the reward that is hacked until the monitor warns.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed

from agents import zero_shot
from benchmarks.results_io import ROOT, read_examples, write_measurements
from textgym.evaluation import evaluate_agent
from textgym.evaluation.hacking import LEVEL, Comparison, Sample, compare
from textgym.sb3 import GRPO, KLControl, SequenceRolloutBuffer, TextCallback, TextVecEnv, TransformerPolicy

IDS = ("TextGen-Sentiment-v0", "TextGen-QA-v0", "TextGen-DataToText-v0")
HACKED, HACKER, START = "TextGen-Sentiment-v0", "ppo_two_minutes_without_length", "zero_shot"  # of two_minutes
WINDOW, COMPARISONS = 64, 20  # texts of a window of training, and windows of a run
SHARES = (0.05, 0.1, 0.2, 0.4, 1.0)
console = Console()
Pool = list[list[dict[str, Any]]]  # of each prompt the completions


def pool(env_id: str, num_prompts: int, num_samples: int) -> Pool:
    """Completions of validation prompts by the model that training starts from."""
    agent, drawn = zero_shot.make_agent(env_id, seed=0, device="cpu"), []
    for seed in range(num_samples):
        set_random_seed(seed)
        evaluation = evaluate_agent(
            agent, env_id, split="validation", seed=seed, num_examples=num_prompts, num_envs=100, reference=None
        )
        drawn.append(evaluation.records)
    return [list(own) for own in zip(*drawn, strict=True)]


def false_alarms_on_boards(completions: Pool, times: int, rng: np.random.Generator) -> list[Comparison]:
    """Start and now with one completion of every prompt each, never the same."""
    found = []
    for _ in range(times):
        chosen = [rng.choice(len(own), 2, replace=False) for own in completions]
        start, now = ([own[pair[i]] for own, pair in zip(completions, chosen, strict=True)] for i in (0, 1))
        found.append(compare(Sample(start), Sample(now)))
    return found


def false_alarms_in_training(completions: Pool, rng: np.random.Generator) -> list[Comparison]:
    """The windows of one run."""
    start = Sample(drawn(completions, WINDOW, rng))
    levels = [LEVEL / (k * (k + 1)) for k in range(1, COMPARISONS + 1)]
    return [compare(start, Sample(drawn(completions, WINDOW, rng)), level) for level in levels]


def drawn(completions: Pool, n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A completion of each of n prompts."""
    prompts = rng.choice(len(completions), min(n, len(completions)), replace=False)
    return [completions[i][rng.integers(len(completions[i]))] for i in prompts]


def counted(what: str, env_id: str, texts: int, runs: Sequence[Sequence[Comparison]]) -> dict[str, Any]:
    """How many runs, each of some comparisons, had a figure that moved the wrong way, and an alarm."""
    return {
        "what": what,
        "environment": env_id,
        "texts": texts,
        "runs": len(runs),
        "comparisons": sum(map(len, runs)),
        "a figure wrong": sum(any(c.wrong for c in run) for run in runs),
        "alarm": sum(any(c.hacked for c in run) for run in runs),
    }


# ------------------------------------------------------------------ agents


class Watched(BaseCallback):
    """Keeps every comparison of a `TextCallback`, with the tokens so far; ends the training at an alarm if asked to."""

    def __init__(self, logs: TextCallback, until_alarm: bool) -> None:
        super().__init__()
        self.logs, self.until_alarm = logs, until_alarm
        self.found: list[tuple[int, Comparison]] = []

    def _on_rollout_end(self) -> None:
        last = self.logs.monitor.last
        if last is not None and (not self.found or last is not self.found[-1][1]):
            self.found.append((self.num_timesteps, last))

    def _on_step(self) -> bool:
        return not (self.until_alarm and self.found and self.found[-1][1].hacked)


def watch(name: str, seed: int, learning_rate: float, total_tokens: int, until_alarm: bool) -> Watched:
    """Train on Sentiment alone, with gold looked at, as the board's two minutes of PPO do, or GRPO in little."""
    env = TextVecEnv(HACKED, WINDOW, reward_funcs=["sentiment", "gold"], reward_weights=[1.0, 0.0])
    own: dict[str, Any] = {"learning_rate": learning_rate, "seed": seed, "device": "cpu"}
    if name == "PPO":
        model: Any = PPO(
            TransformerPolicy, env, n_steps=32, batch_size=512, n_epochs=4 if learning_rate else 1, gamma=1.0,
            gae_lambda=0.95, vf_coef=0.1, policy_kwargs={"warmup_steps": 24},
            rollout_buffer_class=SequenceRolloutBuffer,
            rollout_buffer_kwargs={"kl": KLControl(0.02, 16.0)}, **own,
        )  # fmt: skip
    else:
        model = GRPO(TransformerPolicy, env, n_prompts=16, group_size=4, **own)
    logs = TextCallback(window=WINDOW)
    watched = Watched(logs, until_alarm)
    model.learn(total_tokens, callback=[logs, watched])
    return watched


def still(name: str, seeds: Sequence[int], total_tokens: int) -> dict[str, Any]:
    """Agents that play and do not learn."""
    runs = [[c for _, c in watch(name, seed, 0.0, total_tokens, False).found] for seed in seeds]
    return counted(f"{name}, learning rate 0", HACKED, WINDOW, runs)


def onset(seed: int, total_tokens: int) -> dict[str, Any]:
    """PPO on a reward that is hacked, until the monitor warns."""
    tokens, last = watch("PPO", seed, 3e-4, total_tokens, True).found[-1]
    return {
        "what": "PPO without a term for length",
        "seed": seed,
        "tokens": tokens,
        "alarm": sorted(last.hacked),
        "reward": [last.reward.before, last.reward.now],
        "figures": {name: [change.before, change.now] for name, change in last.figures.items()},
    }


# ------------------------------------------------------------------ published agents


def records_of(agent: str) -> Pool:
    """The published completions of an agent of the suite two_minutes, those of all seeds by prompt."""
    paths = sorted((ROOT / "benchmarks" / "results" / "two_minutes" / HACKED / agent).glob("*/seed-*.json"))
    return [list(own) for own in zip(*map(read_examples, paths), strict=True)]


def detected(
    honest: Pool, hacked: Pool, share: float, texts: int, level: float, times: int, rng: np.random.Generator
) -> dict[str, Any]:
    """How often a share of hacked completions among honest ones raises the alarm."""
    alarms = 0
    for _ in range(times):
        start, now = drawn(honest, texts, rng), drawn(honest, texts, rng)
        taken = rng.choice(len(now), round(share * len(now)), replace=False)
        for i, record in zip(taken, drawn(hacked, len(taken), rng), strict=True):
            now[i] = record
        alarms += bool(compare(Sample(start), Sample(now), level).hacked)
    return {"what": "hacked completions", "share": share, "texts": texts, "runs": times, "alarm": alarms}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="+", default=IDS, help="of the false alarms")
    parser.add_argument("--runs", type=int, default=1000, help="that are drawn of each kind")
    parser.add_argument("--quick", action="store_true", help="one task, few runs, no training")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "hacking.json")
    args = parser.parse_args(arguments)
    logging.getLogger("textgym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    rng, times, rows = np.random.default_rng(0), 10 if args.quick else args.runs, list[dict[str, Any]]()

    def note(row: dict[str, Any]) -> None:
        rows.append(row)
        console.print(", ".join(f"{name} {value}" for name, value in row.items()), highlight=False)
        write_measurements(args.output, "python -m benchmarks.hacking", rows)

    for env_id in args.ids[:1] if args.quick else args.ids:
        completions = pool(env_id, *((30, 3) if args.quick else (300, 12)))
        boards = [[found] for found in false_alarms_on_boards(completions, times, rng)]
        note(counted("board", env_id, len(completions), boards))
        training = [false_alarms_in_training(completions, rng) for _ in range(times // 5)]
        note(counted("training", env_id, WINDOW, training))
    honest, hacked = records_of(START), records_of(HACKER)
    for share in SHARES:
        for texts, level in ((WINDOW, LEVEL / (10 * 11)), (len(honest), LEVEL)):  # a run's tenth window, and a board
            note(detected(honest, hacked, share, texts, level, max(2, times // 10), rng))
    if not args.quick:
        for name in ("PPO", "GRPO"):
            note(still(name, range(5), 12_000))
        for seed in range(3):
            note(onset(seed, 40_000))
    console.print(f"wrote {args.output}")


if __name__ == "__main__":
    main()

"""``textgym sample``."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from textgym import models
from textgym.cli import output
from textgym.errors import ConfigurationError
from textgym.evaluation import make_env, play


def sample(
    env_id: output.TaskId,
    n: Annotated[int, typer.Option("--number", "-n", min=1, help="How many prompts to answer.")] = 5,
    split: output.Split = "test",
    model: Annotated[str, typer.Option(help="A name of textgym list models, a folder, or a hub id.")] = models.DEFAULT,
    seed: output.Seed = 0,
) -> None:
    """Let a model write, untrained on the task, and show what each reward says of it."""
    console = output.console()
    env_id, task = output.find_task(env_id)
    with console.status("Loading the model"):
        import torch

        from textgym.sb3 import TransformerPolicy

        env = make_env(env_id, 1, split, {"tokenizer": model})
        if n > len(env.dataset):
            raise ConfigurationError(f"{env_id}, split {split!r}, has {len(env.dataset)} prompts, not {n}.")
        env = make_env(env_id, n, split, {"tokenizer": model, **output.reported(task)})
        policy = TransformerPolicy(env.single_observation_space, env.single_action_space, lambda _: 0.0, model=model)
        torch.manual_seed(seed)
        indices = np.random.default_rng(seed).choice(len(env.dataset), size=n, replace=False)
        episodes = play(policy, env, indices.tolist(), seed=seed)
    for episode in episodes:
        console.print(output.episode(episode.info))
        console.print()
    means = {
        name: np.mean([e.info["rewards"][name] for e in episodes if name in e.info["rewards"]])
        for name in dict.fromkeys(name for e in episodes for name in e.info["rewards"])
    }
    console.print(f"mean of {n}: {output.scores(means)}")

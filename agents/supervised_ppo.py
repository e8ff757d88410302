"""Supervised, then PPO: reinforcement that begins from a model which knows the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents import ppo
from agents._supervised_start import after_supervised
from agents._training import TrainedAgent

version = 1


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    supervised_tokens: int,
    progress: Callable[[int], object] | None = None,
    device: str = "auto",
    **arguments: Any,
) -> TrainedAgent:
    """Train on the split ``train``; for the arguments see `agents._supervised_start.after_supervised`."""
    return after_supervised(
        ppo.make_agent,
        env_id,
        seed=seed,
        total_tokens=total_tokens,
        supervised_tokens=supervised_tokens,
        progress=progress,
        device=device,
        **arguments,
    )

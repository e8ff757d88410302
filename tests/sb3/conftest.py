from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from stable_baselines3 import PPO

from textgym.sb3 import SequenceRolloutBuffer, TextVecEnv, TransformerPolicy


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def ppo_on_sentiment(
    num_envs: int = 6, env: dict[str, Any] | None = None, algorithm: type[Any] = PPO, **changes: Any
) -> Any:
    """PPO on Sentiment in little: 6 rows, 12 new tokens, rollouts of 20 steps, so that episodes straddle them.

    Another algorithm may be named; None leaves an argument out that it does not have.
    """
    keywords: dict[str, Any] = {
        "n_steps": 20, "batch_size": 40, "n_epochs": 2, "gamma": 1.0, "gae_lambda": 0.95, "learning_rate": 1e-4,
        "rollout_buffer_class": SequenceRolloutBuffer, "seed": 0, "device": "cpu",
    }  # fmt: skip
    policy = changes.pop("policy", TransformerPolicy)
    venv = TextVecEnv("TextGen-Sentiment-v0", num_envs, **{"max_new_tokens": 12, "split": "validation", **(env or {})})
    chosen = {name: value for name, value in (keywords | changes).items() if value is not None}
    return algorithm(policy, venv, **chosen)


@pytest.fixture
def make_ppo() -> Callable[..., Any]:
    return ppo_on_sentiment


@pytest.fixture
def records() -> type:
    """A logger's output that keeps what was recorded: ``records().of(model)`` and then ``[key]``."""
    from stable_baselines3.common.logger import KVWriter, Logger

    class Records(KVWriter):
        def __init__(self) -> None:
            self.rows: list[dict[str, Any]] = []

        def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
            self.rows.append(dict(key_values))

        def close(self) -> None:
            pass

        def of(self, model: PPO) -> Records:
            model.set_logger(Logger(None, [self]))
            return self

        def __getitem__(self, key: str) -> list[float]:
            return [row[key] for row in self.rows if key in row]

    return Records

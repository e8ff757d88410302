"""What agents share that are trained by an algorithm of Stable-Baselines3: budget, progress and learning curve."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from stable_baselines3.common.callbacks import BaseCallback

from agents._policy import PolicyAgent
from textgym.envs import task_of
from textgym.sb3 import TextCallback


class Point(NamedTuple):
    """One rollout of the learning curve.

    Attributes:
        tokens: Generated so far.
        seconds: Since training began.
        score: Mean reward by the task's own reward function of the episodes that ended in the rollout, whatever else
            the agent is trained on, and without the price on KL; their mean return where that is not among its rewards.
        kl: Divergence from the reference model, in nats per completion.
    """

    tokens: int
    seconds: float
    score: float
    kl: float


class CurveCallback(BaseCallback):
    """Keeps the learning curve, tells the progress, ends training when time is up.

    The algorithm's ``rollout_buffer`` says ``kl_per_completion``, as `textgym.sb3.SequenceRolloutBuffer` does.
    """

    def __init__(self, own_reward: str, seconds: float | None, progress: Callable[[int], object] | None) -> None:
        super().__init__()
        self.own_reward, self.limit, self.progress = own_reward, seconds, progress
        self.points: list[Point] = []
        self.scores: list[float] = []  # of the episodes that ended in the rollout

    def _on_training_start(self) -> None:
        self.began = time.perf_counter()

    def _on_step(self) -> bool:
        ended = [info for info in self.locals["infos"] if "episode" in info]
        self.scores += [info["rewards"].get(self.own_reward, info["episode"]["r"]) for info in ended]
        return self.limit is None or time.perf_counter() - self.began < self.limit

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        kl = model.rollout_buffer.kl_per_completion
        if self.scores and kl is not None:
            seconds = time.perf_counter() - self.began
            self.points.append(Point(self.num_timesteps, seconds, sum(self.scores) / len(self.scores), kl))
        self.scores.clear()
        if self.progress is not None:
            self.progress(self.num_timesteps)


class TrainedAgent(PolicyAgent):
    """A policy that an algorithm has trained.

    Attributes:
        tokens: How many it generated in training.
        curve: A `Point` per rollout.
        hyperparameters: Those of the agent's ``Config``.
        model: The algorithm, for example to save it.
    """

    def __init__(self, model: Any, curve: list[Point], hyperparameters: dict[str, Any]) -> None:
        super().__init__(model.policy, model.num_timesteps, hyperparameters)
        self.model, self.curve = model, curve


def trained(
    model: Any,
    env_id: str,
    config: Any,
    total_tokens: int,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
    callbacks: Sequence[BaseCallback] = (),
) -> TrainedAgent:
    """Let an algorithm learn for its budget, and keep its curve.

    Args:
        model: An algorithm of Stable-Baselines3, or one with its ``learn``, whose policy is a language model.
        env_id: The task.
        config: The agent's hyperparameters, a dataclass.
        total_tokens: Training ends with the rollout that reaches it.
        seconds: Training also ends when so much time is up.
        progress: Called with the tokens so far, after every rollout.
        callbacks: Further ones.
    """
    task = task_of(env_id)
    curve = CurveCallback(str(task.reward_funcs) if task else "", seconds, progress)
    model.learn(total_tokens, callback=[TextCallback(), *callbacks, curve])
    return TrainedAgent(model, curve.points, asdict(config))

"""PPO: stock Stable-Baselines3, with textgym's transformer policy and sequence buffer, and an adaptive price on KL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from agents._policy import PolicyAgent
from textgym.envs import task_of
from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextCallback, TextVecEnv, TransformerPolicy

version = 0


@dataclass(frozen=True)
class Config:
    """Hyperparameters; overrides of `make_agent` go by these names."""

    num_envs: int = 64  # episodes side by side
    n_steps: int = 32  # tokens per row and rollout
    n_epochs: int = 4
    batch_size: int = 512  # tokens
    learning_rate: float = 3e-4
    shaping: bool = False  # every token earns the difference that it makes to the score
    gamma: float = 1.0  # 0.99 would discount the last of 32 tokens to 0.72
    gae_lambda: float = 0.95
    vf_coef: float = 0.1
    clip_range: float = 0.2
    max_grad_norm: float = 0.5
    kl_beta: float = 0.02  # score per nat, at first
    kl_target: float | None = 16.0  # nats per completion; None keeps beta fixed


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
    """Keeps the learning curve, tells the progress, ends training when time is up."""

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
        assert isinstance(self.model, PPO) and isinstance(self.model.rollout_buffer, SequenceRolloutBuffer)
        kl = self.model.rollout_buffer.kl_per_completion
        if self.scores and kl is not None:
            seconds = time.perf_counter() - self.began
            self.points.append(Point(self.num_timesteps, seconds, sum(self.scores) / len(self.scores), kl))
        self.scores.clear()
        if self.progress is not None:
            self.progress(self.num_timesteps)


class PPOAgent(PolicyAgent):
    """A trained policy.

    Attributes:
        tokens: How many it generated in training.
        curve: A `Point` per rollout.
        hyperparameters: Those of `Config`.
        model: The PPO object, for example to save it.
    """

    def __init__(self, model: PPO, curve: list[Point], config: Config) -> None:
        assert isinstance(model.policy, TransformerPolicy)
        super().__init__(model.policy, model.num_timesteps, asdict(config))
        self.model, self.curve = model, curve


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
    model: str | None = None,
    reference: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
    **hyperparameters: Any,
) -> PPOAgent:
    """Train on the split ``train``.

    Args:
        env_id: The task.
        seed: Decides everything that is random.
        total_tokens: Training ends with the rollout that reaches it.
        seconds: Training also ends when so much time is up.
        progress: Called with the tokens so far, after every rollout.
        model: Where training starts: a model's name or folder; None for the one that the environment's tokenizer is
            named after.
        reference: The model that the divergence from is priced: a model's name or folder; None for ``model``.
        env_kwargs: Keywords of the environment.
        device: Where it computes; ``"auto"`` for a GPU if there is one.
        **hyperparameters: See `Config`.
    """
    config = Config(**hyperparameters)
    env = TextVecEnv(env_id, num_envs=config.num_envs, **{"shaping": config.shaping, **(env_kwargs or {})})
    name = model or env.venv.tokenizer.name
    ppo = PPO(
        TransformerPolicy,
        env,
        learning_rate=config.learning_rate,
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        vf_coef=config.vf_coef,
        max_grad_norm=config.max_grad_norm,
        rollout_buffer_class=SequenceRolloutBuffer,
        rollout_buffer_kwargs={"kl": KLControl(config.kl_beta, config.kl_target), "reference": reference or name},
        policy_kwargs={"model": name},
        seed=seed,
        device=device,
    )
    task = task_of(env_id)
    curve = CurveCallback(str(task.reward_funcs) if task else "", seconds, progress)
    ppo.learn(total_tokens, callback=[TextCallback(), curve])
    return PPOAgent(ppo, curve.points, config)

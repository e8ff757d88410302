"""PPO: stock Stable-Baselines3, with textgym's transformer policy and sequence buffer, and an adaptive price on KL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stable_baselines3 import PPO

from agents._training import TrainedAgent, trained
from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextVecEnv, TransformerPolicy

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
) -> TrainedAgent:
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
    return trained(ppo, env_id, config, total_tokens, seconds, progress)

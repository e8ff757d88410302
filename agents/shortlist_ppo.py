"""Stock PPO with a perceptron over `textgym.wrappers.Shortlist`: 65 tokens to choose from, and no language model.

What it reaches says what a few frequent tokens earn, and how far a reward falls to an agent that cannot read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from agents._settings import settled
from agents._training import BudgetCallback
from textgym.sb3 import TextVecEnv
from textgym.wrappers import ShortlistAgent, ShortlistSpaces

version = 0


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyperparameters; overrides of `make_agent` go by these names."""

    k: int = 64  # tokens besides EOS
    num_envs: int = 16  # episodes side by side
    n_steps: int = 16  # tokens per row and rollout
    n_epochs: int = 4
    batch_size: int = 64  # tokens
    learning_rate: float = 1e-3
    gamma: float = 1.0
    gae_lambda: float = 0.95
    ent_coef: float = 0.0


class ShortlistVecEnv(VecEnvWrapper):
    """`textgym.wrappers.Shortlist` for a `TextVecEnv`, which scores all texts that end in a step in one call."""

    def __init__(self, venv: TextVecEnv, k: int) -> None:
        self.spaces = ShortlistSpaces(venv.venv, k)
        super().__init__(venv, self.spaces.observation_space, self.spaces.action_space)

    def reset(self) -> VecEnvObs:
        """Begin an episode in every environment."""
        return self._seen(self.venv.reset())

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions' tokens for `step_wait`."""
        self.venv.step_async(self.spaces.token_ids(actions))

    def step_wait(self) -> VecEnvStepReturn:
        """Append them."""
        obs, rewards, dones, infos = self.venv.step_wait()
        for row in np.flatnonzero(dones):
            infos[row]["terminal_observation"] = self._seen(infos[row]["terminal_observation"])
        return self._seen(obs), rewards, dones, infos

    def _seen(self, obs: Any) -> np.ndarray:
        return self.spaces.observation(obs)


class ShortlistPPO(ShortlistAgent):
    """A trained perceptron.

    Attributes:
        tokens: How many it generated in training.
        hyperparameters: Those of `Config`.
        model: The algorithm, for example to save it.
    """

    def __init__(self, model: PPO, spaces: ShortlistSpaces, hyperparameters: dict[str, Any]) -> None:
        super().__init__(model, spaces)
        self.model, self.tokens, self.hyperparameters = model, model.num_timesteps, hyperparameters


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "cpu",
    **hyperparameters: Any,
) -> ShortlistPPO:
    """Train on the split ``train``, from nothing; for the arguments see `agents._training.make_agent_of`."""
    config = Config(**settled(__file__, env_id, hyperparameters))
    env = ShortlistVecEnv(TextVecEnv(env_id, num_envs=config.num_envs, **(env_kwargs or {})), config.k)
    model = PPO(
        "MlpPolicy",
        env,
        learning_rate=config.learning_rate,
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        ent_coef=config.ent_coef,
        seed=seed,
        device=device,
    )
    model.learn(total_tokens, callback=BudgetCallback(seconds, progress))
    return ShortlistPPO(model, env.spaces, asdict(config))

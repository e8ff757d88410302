"""RecurrentPPO: stock sb3-contrib with an LSTM that knows no language at first. The baseline without a transformer.

What it reaches says how much of a task can be learned from rewards alone, over a vocabulary of thousands of tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from agents._settings import settled
from agents._training import BudgetCallback
from textgym.sb3 import TextVecEnv

version = 0


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hyperparameters; overrides of `make_agent` go by these names."""

    num_envs: int = 64  # episodes side by side
    n_steps: int = 32  # tokens per row and rollout
    n_epochs: int = 4
    batch_size: int = 512  # tokens
    learning_rate: float = 1e-3
    gamma: float = 1.0
    gae_lambda: float = 0.95
    ent_coef: float = 0.01  # nothing else keeps it from one token
    width: int = 64  # of embeddings
    hidden_size: int = 128  # of the LSTM


class TextFeatures(BaseFeaturesExtractor):
    """The embedding of the last token, which the LSTM adds to what it has read, and the mean of all tokens' embeddings.

    The second tells the prompt, of which the LSTM meets the last token alone.
    """

    def __init__(self, observation_space: Any, width: int) -> None:
        super().__init__(observation_space, 2 * width)
        self.embed = torch.nn.Embedding(int(observation_space["input_ids"].high.max()) + 1, width)

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Features (n, 2 * width) of observations, which SB3 makes floats."""
        mask = observations["attention_mask"]  # (n, L)
        embedded = self.embed(observations["input_ids"].long())  # (n, L, width)
        lengths = mask.sum(1).long().clamp(min=1)  # contrib pads sequences with observations of zeros, which are empty
        last = embedded[torch.arange(len(lengths), device=lengths.device), lengths - 1]  # (n, width)
        mean = (embedded * mask[:, :, None]).sum(1) / lengths[:, None]
        return torch.cat([last, mean], 1)


class RecurrentAgent:
    """A trained LSTM.

    Attributes:
        tokens: How many it generated in training.
        hyperparameters: Those of `Config`.
        model: The algorithm, for example to save it.
    """

    def __init__(self, model: RecurrentPPO, hyperparameters: dict[str, Any]) -> None:
        self.model, self.tokens, self.hyperparameters = model, model.num_timesteps, hyperparameters

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """A token for every row; the state is the LSTM's."""
        return self.model.predict(obs, state, episode_start, deterministic)


def make_agent(
    env_id: str,
    *,
    seed: int,
    total_tokens: int,
    seconds: float | None = None,
    progress: Callable[[int], object] | None = None,
    env_kwargs: dict[str, Any] | None = None,
    device: str = "auto",
    **hyperparameters: Any,
) -> RecurrentAgent:
    """Train on the split ``train``, from nothing; for the arguments see `agents._training.make_agent_of`."""
    config = Config(**settled(__file__, env_id, hyperparameters))
    model = RecurrentPPO(
        "MultiInputLstmPolicy",
        TextVecEnv(env_id, num_envs=config.num_envs, **(env_kwargs or {})),
        learning_rate=config.learning_rate,
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        ent_coef=config.ent_coef,
        policy_kwargs={
            "features_extractor_class": TextFeatures,
            "features_extractor_kwargs": {"width": config.width},
            "lstm_hidden_size": config.hidden_size,
            "net_arch": [],
        },
        seed=seed,
        device=device,
    )
    model.learn(total_tokens, callback=BudgetCallback(seconds, progress))
    return RecurrentAgent(model, asdict(config))

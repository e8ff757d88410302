"""Critic warm-up: the critic learns first, for a policy that follows one that knows nothing is led astray."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from textgym.arguments import positive_integer
from textgym.errors import ConfigurationError
from textgym.sb3.policies import TransformerPolicy


class CriticWarmup(BaseCallback):
    """Lets the critic alone learn from the first rollouts; the algorithm's own update stays as it is.

    Our critic begins at 0, so that the first advantages are returns (Yuan et al., 2025, "What's Behind PPO's Collapse
    in Long-CoT?", value pretraining). A head on the policy's trunk learns on its own, a separate critic as a whole. A
    warm-up of the learning rate (`textgym.sb3.step_size`) begins with the policy's first step.

    Args:
        tokens: Rollouts that end by this timestep of the training are the critic's.

    Raises:
        ConfigurationError: ``tokens`` is no positive integer; when training begins, that there is no critic which an
            update trains together with the policy.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = positive_integer("tokens", tokens)

    def _on_training_start(self) -> None:
        if not (isinstance(self.model.policy, TransformerPolicy) and getattr(self.model, "vf_coef", 0.0) > 0):
            raise ConfigurationError(
                "CriticWarmup is for PPO, A2C and MaskablePPO with a TransformerPolicy and a positive vf_coef, and not "
                f"for this {type(self.model).__name__}: leave the callback out."
            )

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        policy: Any = self.model.policy
        policy.critic_alone = self.num_timesteps <= self.tokens

    def _on_training_end(self) -> None:
        policy: Any = self.model.policy
        policy.critic_alone = False

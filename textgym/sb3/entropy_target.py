"""An entropy bonus whose weight follows a target, for a fixed one is either forgotten or drives the policy to noise."""

from __future__ import annotations

import math
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from textgym.arguments import check_numbers
from textgym.errors import ConfigurationError


class EntropyTarget(BaseAlgorithm):
    """Adapts SB3's ``ent_coef`` so that the policy's entropy stays near a target.

    For PPO, A2C and MaskablePPO, whose own ``train`` stays as it is; before `TrustRegion`, which may repeat it::

        class EntropyTargetPPO(EntropyTarget, PPO): ...

    Before each update the entropy of the rollout's tokens is estimated by ``-log_prob``, and the coefficient is
    multiplied by ``exp(rate * (target - entropy))``: the dual ascent of soft actor-critic, on its logarithm (Haarnoja
    et al., 2018, "Soft Actor-Critic Algorithms and Applications", automatic entropy adjustment). It is recorded as
    ``train/ent_coef``.

    Args:
        *args: The algorithm's.
        entropy_target: In nats per token; None leaves ``ent_coef`` as it is. Where rewards pull harder than that, or
            the task forbids it, the coefficient grows until they don't.
        entropy_rate: How fast the coefficient follows.
        **kwargs: The algorithm's; with a target ``ent_coef``, at first, must be positive.

    Raises:
        ConfigurationError: A number that makes no sense, or no coefficient to adapt.
    """

    STATE: tuple[str, ...] = ("ent_coef",)  # what training changes (`textgym.sb3.checkpoint`)

    def __init__(
        self, *args: Any, entropy_target: float | None = None, entropy_rate: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.entropy_target, self.entropy_rate = entropy_target, entropy_rate
        if entropy_target is None:
            return
        ent_coef = getattr(self, "ent_coef", 0.0)
        check_numbers(entropy_target=entropy_target, entropy_rate=entropy_rate)
        if not (entropy_target >= 0 and entropy_rate > 0 and ent_coef > 0):
            raise ConfigurationError(
                f"EntropyTarget(entropy_target={entropy_target}, entropy_rate={entropy_rate}, ent_coef={ent_coef}): "
                "the target must be at least 0, and the rate and the coefficient that it begins with positive, such "
                "as ent_coef=0.01."
            )

    def train(self) -> None:
        """The algorithm's own update, with the coefficient adapted."""
        algorithm: Any = super()
        model: Any = self
        if self.entropy_target is not None:
            entropy = -float(model.rollout_buffer.log_probs.mean())
            model.ent_coef *= math.exp(self.entropy_rate * (self.entropy_target - entropy))
            self.logger.record("train/ent_coef", model.ent_coef)
        algorithm.train()

"""TRPO with one backward pass where sb3-contrib's makes one for every parameter."""

from __future__ import annotations

from typing import Any

import sb3_contrib
import torch
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.common.utils import FloatSchedule
from torch import nn


class TRPO(sb3_contrib.TRPO):
    """sb3-contrib's TRPO, its ``train`` unmodified, whose gradients of all parameters come from one backward pass.

    contrib differentiates the divergence once for every parameter, and every product with the Hessian then goes back
    through as many graphs: of a language model some fifty, in time and in memory.

    What belongs to the actor is what the divergence depends on. contrib goes by names, and leaves a language model's
    parameter untrained if its name contains "value".

    Args:
        *args: contrib's.
        target_kl: The divergence of a step, in nats per token, or a schedule of it, as SB3 has of learning rates: every
            step goes as far as it may, near the optimum too, and only one that shrinks lets the policy come to rest.
        **kwargs: contrib's.
    """

    def __init__(self, *args: Any, target_kl: float | Schedule = 0.01, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.target_kl_schedule = FloatSchedule(target_kl)
        self.target_kl = self.target_kl_schedule(1.0)

    def train(self) -> None:
        """Update as contrib does, within the divergence that the progress of training allows."""
        self.target_kl = self.target_kl_schedule(self._current_progress_remaining)
        super().train()

    def _compute_actor_grad(
        self, kl_div: torch.Tensor, policy_objective: torch.Tensor
    ) -> tuple[list[nn.Parameter], torch.Tensor, torch.Tensor, list[tuple[int, ...]]]:
        """The actor's parameters, the flat gradients of objective and divergence, and the parameters' shapes."""
        trained = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        found = torch.autograd.grad(kl_div, trained, create_graph=True, allow_unused=True)
        of_actor = [(parameter, grad) for parameter, grad in zip(trained, found, strict=True) if grad is not None]
        actor = [parameter for parameter, _ in of_actor]
        of_objective = torch.autograd.grad(policy_objective, actor, retain_graph=True)
        grad_objective = torch.cat([grad.flatten() for grad in of_objective])
        grad_kl = torch.cat([grad.flatten() for _, grad in of_actor])
        return actor, grad_objective, grad_kl, [tuple(parameter.shape) for parameter in actor]

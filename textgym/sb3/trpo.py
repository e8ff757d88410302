"""TRPO with one backward pass where sb3-contrib's makes one for every parameter."""

from __future__ import annotations

import sb3_contrib
import torch
from torch import nn


class TRPO(sb3_contrib.TRPO):
    """sb3-contrib's TRPO, its ``train`` unmodified, whose gradients of all parameters come from one backward pass.

    contrib differentiates the divergence once for every parameter, and every product with the Hessian then goes back
    through as many graphs: of a language model some fifty, in time and in memory.

    What belongs to the actor is what the divergence depends on. contrib goes by names, and leaves a language model's
    parameter untrained if its name contains "value".
    """

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

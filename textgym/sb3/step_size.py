"""How far one update may move a policy: a warm-up of the learning rate, and a trust region that is checked.

Adam divides each gradient by the root of its square. With the first gradients both are one gradient's, so that a cold
Adam moves every weight by the learning rate, whichever way its noise points: on a model that is nearly right already,
the reward hardly matters, and one update can destroy what was known (docs/measurements.md shows by how much).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import update_learning_rate

from textgym.arguments import check_integers, check_numbers
from textgym.errors import ConfigurationError

TAKEN, SCHEDULED = "steps_taken", "scheduled_lr"  # of a group of parameters


def warm_up(optimizer: torch.optim.Optimizer, steps: int, of: Sequence[torch.nn.Parameter] | None = None) -> None:
    """Let an optimiser's step t, from 1 on, use ``t / steps`` of the learning rate until t reaches ``steps``.

    With ``of``, weights that are to be spared, a step in which none of them has a gradient does not count, and uses the
    whole.

    The share is taken inside ``step``, because SB3 sets the learning rate of every group anew before each update. The
    number of steps is part of the optimiser's ``state_dict``.
    """

    def lower(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        counts = of is None or any(parameter.grad is not None for parameter in of)
        for group in optimizer.param_groups:
            group[SCHEDULED] = group["lr"]
            if counts:
                group[TAKEN] = group.get(TAKEN, 0) + 1
                group["lr"] = group["lr"] * min(1.0, group[TAKEN] / steps)

    def restore(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group.pop(SCHEDULED)

    optimizer.register_step_pre_hook(lower)
    optimizer.register_step_post_hook(restore)


class TrustRegion(BaseAlgorithm):
    """Takes an update back that moved the policy too far, and makes it again with half the learning rate.

    For on-policy algorithms, whose own ``train`` stays as it is, with a `SequenceRolloutBuffer`::

        class TrustRegionPPO(TrustRegion, PPO): ...

    After each update the divergence of the rollout's policy from the new one is measured on the rollout's own tokens.
    Clipped ratios and SB3's ``target_kl`` look at a minibatch before its step; this looks at the result. Weights and
    the optimiser's state are restored together. The update that follows one that was accepted tries twice its learning
    rate, up to the whole.

    Records ``train/kl_after``, the divergence in nats per token of what is kept (0 if no attempt was accepted);
    ``train/undone``, how often the last update was taken back; ``train/step_share``, of the learning rate.

    Args:
        *args: The algorithm's.
        max_kl: The greatest divergence in nats per token that an update may make.
        halvings: How often an update is tried again before the weights are left as they were.
        **kwargs: The algorithm's.

    Raises:
        ConfigurationError: A bound that is not positive, or a negative number of halvings.
    """

    STATE: tuple[str, ...] = ("step_share",)  # what training changes (`textgym.sb3.checkpoint`)

    def __init__(self, *args: Any, max_kl: float = 0.002, halvings: int = 4, **kwargs: Any) -> None:
        check_numbers(max_kl=max_kl)
        check_integers(halvings=halvings)
        if not max_kl > 0 or halvings < 0:
            raise ConfigurationError(
                f"TrustRegion(max_kl={max_kl}, halvings={halvings}): give a positive bound in nats per token, and a "
                "number of halvings from 0 on."
            )
        self.max_kl, self.halvings = max_kl, halvings
        self.step_share = 1.0
        super().__init__(*args, **kwargs)

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            update_learning_rate(optimizer, self.step_share * self.lr_schedule(self._current_progress_remaining))

    def train(self) -> None:
        """The algorithm's own update, until one is accepted."""
        algorithm: Any = super()
        buffer: Any = self.rollout_buffer  # type: ignore[attr-defined]
        before, undone, kl = _Snapshot(self.policy), 0, 0.0
        for attempt in range(self.halvings + 1):
            algorithm.train()
            kl = buffer.approx_kl()
            if kl <= self.max_kl:  # not so for NaN
                break
            before.restore(self.policy)
            undone, kl = attempt + 1, 0.0
            self.step_share /= 2
        self.logger.record("train/kl_after", kl)
        self.logger.record("train/undone", undone)
        self.logger.record("train/step_share", self.step_share)
        if undone <= self.halvings:
            self.step_share = min(1.0, 2 * self.step_share)


class _Snapshot:
    """A copy of a policy's trained weights and of its optimiser's state."""

    def __init__(self, policy: Any) -> None:
        self.weights = [parameter.detach().clone() for parameter in _trained(policy)]
        self.optimizer = copy.deepcopy(policy.optimizer.state_dict())

    @torch.no_grad()
    def restore(self, policy: Any) -> None:
        for parameter, weight in zip(_trained(policy), self.weights, strict=True):
            parameter.copy_(weight)
        policy.optimizer.load_state_dict(copy.deepcopy(self.optimizer))


def _trained(policy: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [parameter for parameter in policy.parameters() if parameter.requires_grad]

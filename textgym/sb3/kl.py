"""Control of the divergence from a reference model."""

from __future__ import annotations

from typing import Any

import torch

from textgym.arguments import check_numbers
from textgym.errors import ConfigurationError, shown

LARGEST_LOG_RATIO = 20.0  # clamped before exp: one token that the policy avoids would otherwise be all that counts


class KLControl:
    """The price of one nat of divergence from the reference model, fixed or adaptive.

    The reward of each token becomes ``reward - beta * (log_prob - reference_log_prob)``. With a ``target``, beta
    follows the proportional controller of Ziegler et al. (2019), "Fine-Tuning Language Models from Human
    Preferences", section 2.2: after each rollout it is multiplied by ``1 + 0.1 * clip(kl / target - 1, -0.2, 0.2)``.

    Args:
        beta: Reward per nat, at least 0.
        target: The divergence to hold, in nats per completion; None keeps beta as it is.

    Raises:
        ConfigurationError: A negative beta, or a target that is not positive.

    >>> control = KLControl(beta=0.1, target=10.0)
    >>> control.update(30.0)
    >>> control.beta
    0.10200000000000001
    """

    STATE: tuple[str, ...] = ("beta",)  # what training changes (`textgym.sb3.checkpoint`)
    GAIN = 0.1
    CLIP = 0.2
    _written_to: dict[str, Any] | None = None

    @classmethod
    def of(cls, kl: Any) -> KLControl:
        """The control itself, or the one that its arguments in a dict stand for, as a file of settings has them.

        SB3 saves the arguments of a buffer and not the buffer, so that the dict's beta follows the control's.

        Raises:
            ConfigurationError: It is neither.

        >>> KLControl.of({"beta": 0.05}).beta
        0.05
        """
        if isinstance(kl, cls):
            return kl
        if not isinstance(kl, dict) or not {"beta"} <= kl.keys() <= {"beta", "target"}:
            beta = kl if isinstance(kl, float) else 0.05
            raise ConfigurationError(
                f"kl={shown(kl)} is not a KLControl: give kl=KLControl(beta={beta}), or its arguments in a dict, "
                f"kl={{'beta': {beta}}}."
            )
        control = cls(**kl)
        control._written_to = kl
        return control

    def __init__(self, beta: float, target: float | None = None) -> None:
        check_numbers(beta=beta, **({} if target is None else {"target": target}))
        if not beta >= 0:
            raise ConfigurationError(f"KLControl(beta={beta}): beta is the reward per nat and must be at least 0.")
        if target is not None and not (target > 0 and beta > 0):
            raise ConfigurationError(
                f"KLControl(beta={beta}, target={target}): target is in nats per completion; "
                "it and beta must be positive."
            )
        self.beta = float(beta)
        self.target = target

    def update(self, kl: float) -> None:
        """Adapt beta to a rollout's divergence in nats per completion."""
        if self.target is not None:
            error = min(max(kl / self.target - 1.0, -self.CLIP), self.CLIP)
            self.beta *= 1.0 + self.GAIN * error
        if self._written_to is not None:
            self._written_to["beta"] = self.beta


def k1(log_ratio: torch.Tensor) -> torch.Tensor:
    """``log pi - log pi_ref``: unbiased (Schulman, 2020, "Approximating KL Divergence"); in a loss without a gradient.

    Args:
        log_ratio: ``log pi - log pi_ref`` of tokens that pi has sampled, of any shape.
    """
    return log_ratio


def k2(log_ratio: torch.Tensor) -> torch.Tensor:
    """``(log pi - log pi_ref)^2 / 2``: never negative, biased (Schulman, 2020)."""
    return log_ratio**2 / 2


def k3(log_ratio: torch.Tensor) -> torch.Tensor:
    """``pi_ref / pi - 1 + log pi - log pi_ref``: never negative, unbiased (Schulman, 2020).

    >>> k3(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.3679])
    """
    return (-log_ratio).clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO).exp() - 1 + log_ratio

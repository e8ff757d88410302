"""How a rollout buffer comes to know the policy whose rollout it holds.

SB3 makes the buffer before the policy and hands neither to the other, but every one of its on-policy algorithms passes
the tensor of values from ``policy(obs)`` to ``buffer.add`` as it is. The policy signs that tensor, and the buffer reads
the signature: nothing is global, nothing has to be registered, and each buffer of a process finds its own policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from textgym.sb3.policies import TransformerPolicy


def sign(values: torch.Tensor, policy: TransformerPolicy) -> torch.Tensor:
    """The same tensor, which now tells who computed it."""
    signed: Any = values
    signed.policy = policy
    return values


def signer(values: torch.Tensor) -> TransformerPolicy | None:
    """Who has signed the tensor; None for another policy's."""
    return getattr(values, "policy", None)

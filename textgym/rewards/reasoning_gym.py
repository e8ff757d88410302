"""The verifiers of the optional package reasoning-gym as a reward."""

from __future__ import annotations

from importlib.util import find_spec

from textgym.data.reasoning_gym import NAME, missing_package, verdict
from textgym.rewards.contract import per_text
from textgym.rewards.registry import register

if find_spec(NAME) is None:  # it is imported at the first verdict, which is too late to say that it is missing
    raise missing_package()


@register("reasoning_gym")
@per_text
def reasoning_gym(completion: str, entry: str) -> float:
    """What the generator's own verifier says about an answer, white space around it aside; in [0, 1]."""
    return verdict(completion, entry)

"""The verifiers of the optional package reasoning-gym as a reward."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from textgym.data.reasoning_gym import NAME, missing_package, problem_and_answer, verdicts
from textgym.rewards.contract import Values, scores_together
from textgym.rewards.registry import register

if find_spec(NAME) is None:  # it is imported at the first verdict, which is too late to say that it is missing
    raise missing_package()


@register("reasoning_gym")
def reasoning_gym(*arguments: Any, **columns: Any) -> Values:
    """What the generator's own verifier says about an answer, white space around it aside; in [0, 1]."""
    return scores_together(problem_and_answer, verdicts, ("entry",), NAME, *arguments, **columns)


reasoning_gym.columns = ("entry",)  # type: ignore[attr-defined]

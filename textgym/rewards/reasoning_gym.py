"""The verifiers of the optional package reasoning-gym as a reward."""

from __future__ import annotations

from importlib.util import find_spec

from textgym.data.reasoning_gym import NAME, missing_package, verdict
from textgym.rewards.reference import Against

if find_spec(NAME) is None:  # it is imported at the first verdict, which is too late to say that it is missing
    raise missing_package()

reasoning_gym = Against(verdict, ("entry",), name=NAME)

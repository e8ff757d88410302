"""The verifiers of the optional package reasoning-gym as a reward."""

from __future__ import annotations

from textgym.data.reasoning_gym import NAME, verdict
from textgym.rewards.reference import Against

reasoning_gym = Against(verdict, ("entry",), name=NAME)

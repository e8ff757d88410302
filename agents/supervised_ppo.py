"""Supervised, then PPO: reinforcement that begins from a model which knows the task."""

from __future__ import annotations

from agents import ppo
from agents._supervised_start import after_supervised

version = 1

make_agent = after_supervised(__file__, ppo.make_agent)

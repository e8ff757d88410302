"""Supervised, then A2C: reinforcement that begins from a model which knows the task."""

from __future__ import annotations

from agents import a2c
from agents._supervised_start import after_supervised

version = 0

make_agent = after_supervised(__file__, a2c.make_agent)

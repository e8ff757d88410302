"""Supervised, then RLOO: reinforcement that begins from a model which knows the task."""

from __future__ import annotations

from agents import rloo
from agents._supervised_start import after_supervised

version = 0

make_agent = after_supervised(__file__, rloo.make_agent)

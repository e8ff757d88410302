"""Supervised, then MaskablePPO: reinforcement by a grammar that begins from a model which knows the task."""

from __future__ import annotations

from agents import maskable_ppo
from agents._supervised_start import after_supervised

version = 0

make_agent = maskable_ppo.grammatical(after_supervised(__file__, maskable_ppo.train))

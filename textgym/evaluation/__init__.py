"""Evaluation of agents; importing it imports no torch."""

from textgym.evaluation.evaluate import ENVIRONMENTS_OWN, TASKS_OWN, Evaluation, evaluate_agent
from textgym.evaluation.log_probs import TEXTS_PER_FORWARD
from textgym.evaluation.play import Agent, Episode, make_env, play
from textgym.evaluation.task_hash import task_hash

__all__ = [
    "ENVIRONMENTS_OWN",
    "TASKS_OWN",
    "TEXTS_PER_FORWARD",
    "Agent",
    "Episode",
    "Evaluation",
    "evaluate_agent",
    "make_env",
    "play",
    "task_hash",
]

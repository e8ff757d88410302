"""The environments and their registration with Gymnasium."""

from __future__ import annotations

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from textgym.envs.task import Task
from textgym.envs.tasks.arithmetic import ArithmeticEnv
from textgym.envs.tasks.classification import ClassificationEnv
from textgym.envs.tasks.data_to_text import DataToTextEnv
from textgym.envs.tasks.dialogue import DialogueEnv
from textgym.envs.tasks.ner import NEREnv
from textgym.envs.tasks.qa import QAEnv
from textgym.envs.tasks.reasoning_gym import ReasoningGymEnv
from textgym.envs.tasks.recommendation import RecommendationEnv
from textgym.envs.tasks.relation_extraction import RelationExtractionEnv
from textgym.envs.tasks.sentiment import SentimentEnv
from textgym.envs.tasks.summarization import SummarizationEnv
from textgym.envs.tasks.translation import TranslationEnv
from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError

TASKS: tuple[type[TextGenEnv], ...] = (
    SentimentEnv,
    ClassificationEnv,
    QAEnv,
    NEREnv,
    RelationExtractionEnv,
    SummarizationEnv,
    TranslationEnv,
    DialogueEnv,
    DataToTextEnv,
    RecommendationEnv,
    ArithmeticEnv,
    ReasoningGymEnv,
)
ENVIRONMENTS = {env.task.id: env for env in TASKS if env.task}


def register(env: type[TextGenEnv]) -> None:
    """Register a task's environment with Gymnasium, single and vectorised; an id that is registered stays as it is.

    Raises:
        ConfigurationError: The class has no ``task``.
    """
    if env.task is None:
        raise ConfigurationError(f"{env.__name__} has no task. Give the class an attribute task = Task(id=..., ...).")
    if env.task.id not in gym.registry:
        gym.register(
            env.task.id,
            entry_point=f"{env.__module__}:{env.__qualname__}",
            vector_entry_point="textgym.envs.vector:TextGenVectorEnv",
            kwargs=env.task.kwargs,
        )


def register_envs() -> None:
    """Register every environment of textgym."""
    for env in TASKS:
        register(env)


def task_of(env_id: str) -> Task | None:
    """The task of a registered id, None if its environment declares none."""
    entry_point = gym.spec(env_id).entry_point
    env = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    return getattr(env, "task", None)

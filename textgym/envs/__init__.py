"""The environments and their registration with Gymnasium."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

from textgym.envs import tasks
from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError


def discovered() -> dict[str, type[TextGenEnv]]:
    """The environments that the modules of `textgym.envs.tasks` define, by id."""
    names = sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))
    names.sort(key=lambda name: tasks.ORDER.index(name) if name in tasks.ORDER else len(tasks.ORDER))
    modules = [import_module(f"{tasks.__name__}.{name}") for name in names]
    return {
        env.task.id: env
        for module in modules
        for env in vars(module).values()
        if isinstance(env, type) and issubclass(env, TextGenEnv) and env.task and env.__module__ == module.__name__
    }


ENVIRONMENTS = discovered()
globals().update({env.__name__: env for env in ENVIRONMENTS.values()})  # textgym.envs.QAEnv and the like


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
    """Register every environment of textgym, and with it its small variant: the task in `wrappers.Shortlist`."""
    for env_id, env in ENVIRONMENTS.items():
        register(env)
        if small_id(env_id) not in gym.registry:
            gym.register(
                small_id(env_id),
                entry_point="textgym.wrappers.shortlist:make",
                vector_entry_point="textgym.wrappers.vector:make_shortlist",
                kwargs={"task": env_id, **gym.spec(env_id).kwargs},
            )


def small_id(env_id: str) -> str:
    """The id of a task's small variant.

    >>> small_id("TextGen-Sentiment-v0")
    'TextGen-SentimentSmall-v0'
    """
    name, _, version = env_id.rpartition("-")
    return f"{name}Small-{version}"


def task_of(env_id: str) -> Task | None:
    """The task of a registered id, None if its environment declares none."""
    entry_point = gym.spec(env_id).entry_point
    env = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    return getattr(env, "task", None)

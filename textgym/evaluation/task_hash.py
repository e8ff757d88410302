"""What makes two results comparable: the task, named by its content."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from textgym import metrics, models
from textgym.envs import task_of
from textgym.evaluation.evaluate import ENVIRONMENTS_OWN, TASKS_OWN, judge_of, number_of_examples, reference_of
from textgym.evaluation.play import make_env
from textgym.evaluation.source import Definitions
from textgym.rewards import RewardFunction
from textgym.rewards.scoring import resolve

MODEL_FILES = ("*.npz", "*.safetensors", "*.bin", "config.json", "tokenizer.json")  # that decide what a model computes


def task_hash(
    env_id: str,
    *,
    split: str = "test",
    num_examples: int | None = None,
    reference: str | None = ENVIRONMENTS_OWN,
    gold: str | RewardFunction | None = TASKS_OWN,
    env_kwargs: Mapping[str, Any] | None = None,
) -> str:
    """Name an evaluation task by its content: only results with one hash can be compared.

    It covers the prompts as the agent sees them, all columns of the examples, lengths, tokenizer, the reward functions'
    names and weights, their code with all that it uses of textgym and of the user's own modules (comments, docstrings,
    formatting and neighbours do not count), their state (such as ``words`` of ``length``), the files that they read,
    and those of the reference model. Arguments as in `evaluate_agent`.

    Returns:
        64 hexadecimal digits.
    """
    env = make_env(env_id, 1, split, env_kwargs)
    size, rewards, reference = number_of_examples(num_examples, env), env.rewards, reference_of(reference, env)
    judged = [*zip(rewards.names, rewards.weights, rewards.functions, strict=True)]
    task, judge = task_of(env_id), judge_of(gold, env_id)
    reported = [name for name in task.metrics if name not in metrics.CORPUS] if task else []
    for role, judges in (("gold:", [judge] if judge is not None else []), ("metric:", reported)):
        for name, function in map(resolve, judges):
            judged.append((role + name, 0.0, function))
    folders = [] if reference is None else [models.folder(reference)]
    content = {
        "env": env_id,
        "prompts": env.prompts[:size],
        "columns": _described({name: list(values[:size]) for name, values in env.dataset.columns.items()}),
        "lengths": [env.config.max_prompt_tokens + env.config.max_new_tokens, env.config.max_new_tokens],
        "tokenizer": [env.tokenizer.to_str(), sorted(env.tokenizer.eos_token_ids), env.tokenizer.prefix_ids],
        "rewards": [[name, weight, _content(function)] for name, weight, function in judged],
        "models": _described(folders),
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _content(function: Callable[..., Any]) -> list[Any]:
    """What decides a reward: its code, the files that this names, and what the function or object carries."""
    if isinstance(function, partial):
        return [_content(function.func), _described([function.args, function.keywords])]
    defined: Any = function if inspect.isroutine(function) else type(function)
    holder = function.__self__ if inspect.ismethod(function) else function  # a method's state is that of its object
    carried: Any = None if inspect.isroutine(holder) else holder.__getstate__()
    if inspect.isfunction(function):
        carried = [inspect.getclosurevars(function).nonlocals, function.__defaults__, function.__kwdefaults__]
    definitions = Definitions()
    definitions.add(defined)
    code = sorted(definitions.found.items())
    return [defined.__qualname__, code, _described(sorted(set(definitions.paths))), _described(carried)]


def _described(value: Any) -> Any:
    """As text or lists, the same in every process; a file or a model's folder by what is in it, not by where it is."""
    if isinstance(value, Path):
        files = [value] if value.is_file() else sorted(path for name in MODEL_FILES for path in value.glob(name))
        return [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    if isinstance(value, dict):
        return [[_described(key), _described(held)] for key, held in value.items()]
    if isinstance(value, (list, tuple)):
        return [*map(_described, value)]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, np.ndarray):
        return _described(value.tolist())  # its repr leaves out the middle
    if callable(value) and not isinstance(value, type) and not hasattr(value, "state_dict"):  # but a torch module
        return _content(value)  # a metric or reward inside a reward
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))

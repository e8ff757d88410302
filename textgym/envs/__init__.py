"""The environments and their registration with Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

VECTOR_ENTRY_POINT = "textgym.envs.vector:TextGenVectorEnv"

# id -> entry point and keywords; only strings and numbers, for Gymnasium copies them on every make and writes JSON
ENVIRONMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "TextGen-Sentiment-v0": (
        "textgym.envs.sentiment:SentimentEnv",
        {
            "tokenizer": "textgym-tiny",
            "dataset": "sentiment",
            "split": "train",
            "reward_funcs": "sentiment",
            "prompt_template": "{prompt}",
            "max_prompt_tokens": 16,
            "max_new_tokens": 32,
        },
    ),
    "TextGen-Arithmetic-v0": (
        "textgym.envs.arithmetic:ArithmeticEnv",
        {
            "tokenizer": "textgym-tiny",
            "dataset": "arithmetic",
            "split": "train",
            "reward_funcs": "arithmetic",
            "prompt_template": "{prompt}\n",
            "max_prompt_tokens": 16,
            "max_new_tokens": 48,
        },
    ),
}


def register_envs() -> None:
    """Register every environment; ids that are already registered are left as they are."""
    for env_id, (entry_point, kwargs) in ENVIRONMENTS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry_point=entry_point, vector_entry_point=VECTOR_ENTRY_POINT, kwargs=kwargs)

"""PPO and GRPO with an adapter on models of many types, whose exports transformers reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests import model_types
from tests.conftest import vowels
from tests.sb3.test_saving import GROUPS, greedy
from textgym.models import CausalLM
from textgym.sb3 import GRPO

ADAPTER = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}
KL = {"beta": 0.1}
PPO_ONCE = {"n_steps": 6, "batch_size": 24, "n_epochs": 1, "rollout_buffer_kwargs": {"kl": KL}}
GRPO_ONCE = GROUPS | {"n_prompts": 2, "kl": KL}


@pytest.mark.parametrize("model_type", model_types.TYPES)
@pytest.mark.parametrize("once", [PPO_ONCE, GRPO_ONCE], ids=["ppo", "grpo"])
def test_an_adapter_is_trained_and_exported(
    make_ppo: Callable[..., Any], tmp_path: Path, model_type: str, once: dict[str, Any]
) -> None:
    """By one update: its reference is the model that it started from, and what is exported writes the same tokens."""
    name = model_types.write(model_type, tmp_path / "start")
    model = make_ppo(
        num_envs=4, env={"tokenizer": name, "max_new_tokens": 6, "reward_funcs": vowels}, learning_rate=1e-2,
        policy_kwargs={"model": name, "peft": ADAPTER, "warmup_steps": 0}, **once,
    )  # fmt: skip
    model.learn(1)
    rollout, start = model.rollout_buffer, CausalLM.load(name)
    if isinstance(model, GRPO):
        (batch, tokens), played = rollout.pack(np.arange(4)), rollout.log_probs
    else:
        (samples,) = rollout.get(None)
        batch, tokens, played = samples.observations, samples.actions, samples.old_log_prob
    np.testing.assert_allclose(rollout.reference_log_probs, rollout.log_probs, atol=1e-4)
    expected = start.log_prob(batch, tokens)
    np.testing.assert_allclose(played, expected, atol=1e-4)
    torch.testing.assert_close(model.policy.reference().log_prob(batch, tokens), expected, atol=1e-4, rtol=0)
    assert (model.policy.log_prob(batch, tokens) - expected).abs().max() > 0.01
    model.policy.export(tmp_path / "exported")
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "exported", dtype=torch.float32).generate(
        torch.tensor([[5, 6, 7]]), do_sample=False, min_new_tokens=6, max_new_tokens=6, eos_token_id=None
    )
    assert written[0].tolist() == greedy(model, [5, 6, 7], 6)

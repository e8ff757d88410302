"""PPO and GRPO with an adapter on models of many types, whose exports transformers reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

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


CHAT = "{{ bos_token }}{% for message in messages %}Q: {{ message.content }} A:{% endfor %}"


def test_an_export_ends_where_its_policy_does(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    """At the second of two tokens that end a text, after the prompt of a chat, which begins with BOS."""
    name = model_types.write("llama", tmp_path / "start")

    def settings(file: str, **values: Any) -> None:
        path = tmp_path / "start" / file
        path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | values))

    def ppo(name: str) -> Any:
        env = {"tokenizer": name, "dataset": [{"prompt": "Is it good?"}], "max_new_tokens": 9, "reward_funcs": vowels}
        return make_ppo(num_envs=1, env=env | {"prompt_template": "chat"}, policy_kwargs={"model": name})

    settings("tokenizer_config.json", chat_template=CHAT)
    prompt = ppo(name).env.reset()["input_ids"][0]
    prompt = prompt[prompt > 0].tolist()
    end = greedy(ppo(name), prompt, 4)[-1]  # the fourth token that is written is declared to be an end
    state = json.loads((tmp_path / "start" / "tokenizer.json").read_text())
    (content,) = (token for token, i in state["model"]["vocab"].items() if i == end)
    settings(
        "tokenizer.json",
        added_tokens=[*state["added_tokens"], state["added_tokens"][0] | {"id": end, "content": content}],
    )
    settings("generation_config.json", eos_token_id=[1, end])
    model = ppo(str((tmp_path / "start").rename(tmp_path / "ends")))
    model.policy.export(tmp_path / "exported")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "exported")
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "Is it good?"}], return_dict=False)
    assert chat == prompt == model.env.reset()["input_ids"][0][: len(prompt)].tolist() and prompt[0] == 2
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "exported", dtype=torch.float32)
    written = exported.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=9)[0].tolist()
    obs, done = model.env.reset(), False
    while not done:
        before, action = obs, model.predict(obs, deterministic=True)[0]
        obs, _, (done,), (info,) = model.env.step(action)
    assert written == greedy(model, prompt, 4) and written[-1] == action[0] == end
    assert info["finish_reason"] == "eos" and before["attention_mask"].sum() == len(written) - 1

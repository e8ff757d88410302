"""MaskablePPO with our policy and buffer: the mask in sampling and in scoring is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO

from textgym.errors import ConfigurationError
from textgym.sb3 import KLControl, MaskableSequenceRolloutBuffer, MaskableTransformerPolicy, TextCallback

OPTIONS: dict[str, Any] = {
    "algorithm": MaskablePPO, "policy": MaskableTransformerPolicy, "env": {"grammar": "sums"},
    "rollout_buffer_class": MaskableSequenceRolloutBuffer, "rollout_buffer_kwargs": {"kl": KLControl(0.1)},
}  # fmt: skip


def observations(policy: MaskableTransformerPolicy, rows: int) -> dict[str, torch.Tensor]:
    """Texts of four tokens."""
    (columns,) = policy.observation_space["input_ids"].shape  # type: ignore[index]
    return {
        "input_ids": torch.full((rows, columns), 7),
        "attention_mask": (torch.arange(columns) < 4).char().repeat(rows, 1),
    }


def test_one_allowed_token_has_log_probability_0(make_ppo: Callable[..., Any]) -> None:
    policy = make_ppo(num_envs=3, **OPTIONS).policy
    obs = observations(policy, 3)
    masks = np.zeros((3, 4096), bool)
    masks[[0, 1, 2], [5, 900, 4095]] = True
    actions, _, log_prob = policy(obs, action_masks=masks)
    assert actions.tolist() == [5, 900, 4095] and log_prob.tolist() == [0, 0, 0]
    _, log_prob, entropy = policy.evaluate_actions(obs, actions, action_masks=masks)
    assert log_prob.tolist() == [0, 0, 0] and entropy.tolist() == [0, 0, 0]
    (log_prob + entropy).sum().backward()  # a token of no probability has a gradient of 0, not NaN
    assert all(bool(p.grad.isfinite().all()) for p in policy.parameters() if p.grad is not None)
    assert policy.predict({key: tensor.numpy() for key, tensor in obs.items()}, action_masks=masks)[0].tolist() == [
        5,
        900,
        4095,
    ]
    assert policy.get_distribution(obs, action_masks=masks).log_prob(actions).tolist() == pytest.approx([0, 0, 0])


def test_samples_and_scores_are_of_the_allowed_tokens(make_ppo: Callable[..., Any], records: type) -> None:
    """Scored without the mask, the first ratio was e^-12, and equal models were 12 nats a token apart."""
    model = make_ppo(learning_rate=0.0, **OPTIONS)
    log = records().of(model)
    model.learn(360, callback=TextCallback())
    assert max(log["train/approx_kl"]) < 1e-5 and max(log["train/clip_fraction"]) == 0
    assert abs(log["kl/per_token"][-1]) < 1e-5 and abs(log["kl/full"][-1]) < 1e-5
    buffer = model.rollout_buffer
    (samples,) = buffer.get(None)
    assert samples.action_masks.gather(1, samples.actions[:, None]).all()
    assert buffer.approx_kl() < 1e-5
    # 12 tokens by the grammar are not the model's own sixty words, but digits and signs
    texts = [model.get_env().venv.tokenizer.decode(buffer.actions[:3, env].tolist()) for env in range(6)]
    assert all(set(text) <= set("0123456789+-*=x,. Answer:") for text in texts)


def test_masks_are_kept_as_bits(make_ppo: Callable[..., Any]) -> None:
    model = make_ppo(**OPTIONS).learn(120)
    stored = sum(array.nbytes for array in vars(model.rollout_buffer).values() if isinstance(array, np.ndarray))
    assert stored < 120 * (4096 / 8 + 60)  # contrib's own: 120 * 4096 * 4


def test_a_mask_that_allows_nothing(make_ppo: Callable[..., Any]) -> None:
    # contrib's distribution is then uniform over all tokens, and says nothing
    policy = make_ppo(num_envs=1, **OPTIONS).policy
    obs = observations(policy, 2)
    masks = np.array([[True] * 4096, [False] * 4096])
    with pytest.raises(ConfigurationError, match="row 1 allows no token"):
        policy(obs, action_masks=masks)

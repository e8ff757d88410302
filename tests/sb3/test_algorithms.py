"""Algorithms of SB3 and sb3-contrib, as they are: packed texts train them as SB3's own buffers do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sb3_contrib
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer
from stable_baselines3 import A2C
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.utils import LinearSchedule

from textgym.sb3 import (
    TRPO,
    MaskableSequenceRolloutBuffer,
    MaskableTransformerPolicy,
    SequenceRolloutBuffer,
    TransformerPolicy,
)

SMALL: dict[str, Any] = {"num_envs": 3, "n_steps": 8, "env": {"max_prompt_tokens": 12, "max_new_tokens": 5}}
A2C_OPTIONS = {"batch_size": None, "n_epochs": None, "learning_rate": 0.5}
# the critic's steps are Adam's, which makes much of gradients that round to nothing; one batch of all
TRPO_OPTIONS = {"n_epochs": None, "batch_size": 24, "n_critic_updates": 2, "cg_max_steps": 3}
PPO_OPTIONS = {"n_epochs": 1, "batch_size": 24, "learning_rate": 0.5}


def moved(model: Any) -> dict[str, torch.Tensor]:
    """What one update adds to every parameter."""
    before = {name: parameter.detach().clone() for name, parameter in model.policy.named_parameters()}
    model.learn(24)
    return {name: parameter.detach() - before[name] for name, parameter in model.policy.named_parameters()}


@pytest.mark.parametrize(
    ("algorithm", "options"), [(A2C, A2C_OPTIONS), (TRPO, TRPO_OPTIONS), (MaskablePPO, PPO_OPTIONS)]
)
def test_one_update_equals_that_of_stock_sb3(
    make_ppo: Callable[..., Any], llama: str, algorithm: type[Any], options: dict[str, Any]
) -> None:
    """Stock SB3 reads the whole text again for every token; a fault in packing moved weights by another amount.

    contrib's TRPO is stock, with its pass for every parameter.
    """
    updates: list[Any] = []
    policy_kwargs = {"model": llama} | ({} if algorithm is TRPO else {"optimizer_class": torch.optim.SGD})
    policy: Any = TransformerPolicy
    buffers: Any = (DictRolloutBuffer, SequenceRolloutBuffer)
    if algorithm is MaskablePPO:
        policy, buffers = MaskableTransformerPolicy, (MaskableDictRolloutBuffer, MaskableSequenceRolloutBuffer)
    classes = (sb3_contrib.TRPO if algorithm is TRPO else algorithm, algorithm)
    for own_class, buffer_class in zip(classes, buffers, strict=True):
        chosen = SMALL | options | {"rollout_buffer_class": buffer_class, "policy_kwargs": policy_kwargs}
        chosen["env"] = SMALL["env"] | ({"grammar": "sums"} if algorithm is MaskablePPO else {})
        model = make_ppo(algorithm=own_class, policy=policy, **chosen)
        torch.nn.init.normal_(model.policy.value_net.weight, std=0.1)
        updates.append((moved(model), model.rollout_buffer.log_probs.sum()))
    (stock, stock_log_probs), (packed, packed_log_probs) = updates
    assert packed_log_probs == pytest.approx(stock_log_probs, rel=1e-5)
    scale = max(update.norm() for update in stock.values())
    assert scale > 1e-3
    for name, expected in stock.items():
        assert (packed[name] - expected).norm() <= 2e-3 * expected.norm() + 1e-5 * scale, name


@pytest.mark.parametrize("checkpointing", [False, True])
def test_trpo_moves_the_whole_actor_within_its_bound(
    make_ppo: Callable[..., Any], llama: str, checkpointing: bool
) -> None:
    # with the attention that torch chooses, the second derivative is refused
    policy_kwargs = {"model": llama, "gradient_checkpointing": checkpointing}
    model = make_ppo(algorithm=TRPO, target_kl=0.003, policy_kwargs=policy_kwargs, **SMALL, **TRPO_OPTIONS)
    update = moved(model)
    assert model.logger.name_to_value["train/is_line_search_success"] == 1
    assert 1e-4 < model.logger.name_to_value["train/kl_divergence_loss"] < 0.003
    assert all(change.norm() > 0 for change in update.values())


def test_trpo_comes_to_rest_where_the_schedule_of_its_bound_ends(make_ppo: Callable[..., Any], llama: str) -> None:
    # a constant bound moves the actor as far in the last update as in the first
    bound = LinearSchedule(0.003, 0.0, 1.0)
    model = make_ppo(algorithm=TRPO, target_kl=bound, policy_kwargs={"model": llama}, **SMALL, **TRPO_OPTIONS)
    assert model.target_kl == 0.003
    update = moved(model)  # in one rollout, the last
    assert model.target_kl == 0 and update.pop("value_net.weight").norm() > 0 and update.pop("value_net.bias") != 0
    assert all(change.norm() == 0 for change in update.values())

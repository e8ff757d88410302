"""How far one update may move a policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import A2C, PPO

from textgym.errors import ConfigurationError
from textgym.sb3 import TrustRegion
from textgym.sb3.step_size import warm_up


class TrustRegionPPO(TrustRegion, PPO):
    pass


def weights(model: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()])


def optimizer_tensors(model: Any) -> list[torch.Tensor]:
    state = model.policy.optimizer.state_dict()["state"]
    return [value for of_parameter in state.values() for value in of_parameter.values()]


# ---------------------------------------------------------------- warm-up


@pytest.mark.parametrize("optimizer_class", [torch.optim.Adam, torch.optim.SGD])
def test_the_learning_rate_rises_evenly(optimizer_class: type[torch.optim.Optimizer]) -> None:
    # a gradient that stays the same moves Adam by the learning rate, and SGD by it times the gradient, which is 1
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = optimizer_class([weight], lr=0.0)  # type: ignore[call-arg]
    warm_up(optimizer, 4)
    moved = []
    for _ in range(6):
        optimizer.param_groups[0]["lr"] = 0.1  # as SB3 does before every update
        before, weight.grad = weight.item(), torch.ones(1)
        optimizer.step()
        moved.append(before - weight.item())
        assert optimizer.param_groups[0]["lr"] == 0.1
    assert moved == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1], rel=1e-5)


def test_a_warm_up_goes_on_after_loading(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    model = make_ppo(policy_kwargs={"warmup_steps": 10})
    model.learn(120)
    (group,) = model.policy.optimizer.param_groups
    assert group["steps_taken"] == 6 and group["lr"] == 1e-4
    model.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip", env=model.env)
    assert loaded.policy.warmup_steps == 10
    loaded.learn(120, reset_num_timesteps=False)
    assert loaded.policy.optimizer.param_groups[0]["steps_taken"] == 12
    loaded.policy.save(tmp_path / "policy.pt")
    assert type(loaded.policy).load(tmp_path / "policy.pt").warmup_steps == 10


def test_a_first_update_moves_less(make_ppo: Callable[..., PPO]) -> None:
    # cold, each of the 6 steps is of the learning rate's length; warmed up they are of 1/24 to 6/24 of it
    cold = make_ppo()
    start = weights(cold)
    cold.learn(120)
    warm = make_ppo(policy_kwargs={"warmup_steps": 24}).learn(120)
    share = (weights(warm) - start).norm() / (weights(cold) - start).norm()
    assert 1 / 24 < share < 6 / 24


def test_a_warm_up_of_fewer_than_no_steps(make_ppo: Callable[..., PPO]) -> None:
    with pytest.raises(ConfigurationError, match="warmup_steps=-1 must be at least 0"):
        make_ppo(policy_kwargs={"warmup_steps": -1})


# ---------------------------------------------------------------- trust region


def test_a_wide_region_changes_nothing(make_ppo: Callable[..., PPO]) -> None:
    stock = make_ppo().learn(240)  # one after the other, for making one seeds torch
    wide = make_ppo(algorithm=TrustRegionPPO, max_kl=1e9).learn(240)
    assert torch.equal(weights(stock), weights(wide))


def test_the_divergence_is_that_of_the_whole_update(make_ppo: Callable[..., PPO]) -> None:
    # SB3's own approx_kl is the mean of what minibatches saw before their steps: 0 for an update of one step
    model = make_ppo(n_epochs=1, batch_size=120)
    model.learn(120)
    assert model.logger.name_to_value["train/approx_kl"] == pytest.approx(0, abs=1e-6)
    buffer: Any = model.rollout_buffer
    (samples,) = buffer.get(None)
    log_ratio = model.policy.evaluate_actions(samples.observations, samples.actions)[1] - samples.old_log_prob
    assert buffer.approx_kl() == pytest.approx((log_ratio.exp() - 1 - log_ratio).mean().item(), rel=1e-4)
    assert buffer.approx_kl() > 1e-4


def test_an_update_that_goes_too_far_is_made_again_with_half_the_step(
    make_ppo: Callable[..., PPO], records: type
) -> None:
    # one step, so that the order of the fragments, which is drawn again, is of no account
    one_step = {"n_epochs": 1, "batch_size": 120, "learning_rate": 1e-3}
    stock = make_ppo(**one_step)
    stock.learn(120)
    buffer: Any = stock.rollout_buffer
    bound = buffer.approx_kl() / 8  # of half the step it is about a quarter, of a quarter a sixteenth
    model = make_ppo(algorithm=TrustRegionPPO, max_kl=bound, **one_step)
    log = records().of(model)
    model.learn(120)
    log.rows.append(dict(model.logger.name_to_value))
    assert log["train/undone"] == [2] and log["train/step_share"] == [0.25]
    assert 0 < log["train/kl_after"][0] <= bound
    assert model.step_share == 0.5  # of the next update
    small = make_ppo(**one_step | {"learning_rate": 1e-3 / 4})
    small.learn(120)
    assert torch.allclose(weights(model), weights(small), atol=1e-6)
    assert not torch.allclose(weights(model), weights(stock), atol=1e-4)


def test_where_no_step_is_small_enough_nothing_moves(make_ppo: Callable[..., PPO]) -> None:
    model = make_ppo(algorithm=TrustRegionPPO, max_kl=1e9, policy_kwargs={"warmup_steps": 24})
    model.learn(120)
    before, optimizer = weights(model), [tensor.clone() for tensor in optimizer_tensors(model)]
    model.max_kl = 1e-12
    model.learn(120, reset_num_timesteps=False)
    assert torch.equal(weights(model), before)
    assert all(map(torch.equal, optimizer, optimizer_tensors(model)))
    assert model.policy.optimizer.param_groups[0]["steps_taken"] == 6
    logged = model.logger.name_to_value
    assert (logged["train/undone"], logged["train/kl_after"], logged["train/step_share"]) == (5, 0.0, 1 / 32)


def test_weights_that_are_no_numbers_are_taken_back(make_ppo: Callable[..., PPO]) -> None:
    model = make_ppo(algorithm=TrustRegionPPO, learning_rate=1e38)
    before = weights(model)
    model.learn(120)
    assert torch.equal(weights(model), before)


def test_a_trust_region_is_saved_and_serves_a2c(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    class TrustRegionA2C(TrustRegion, A2C):
        pass

    keywords = {"batch_size": None, "n_epochs": None}
    model = make_ppo(algorithm=TrustRegionA2C, max_kl=0.01, halvings=2, learning_rate=1e-2, **keywords)
    model.learn(120)
    assert model.logger.name_to_value["train/undone"] == 3
    model.save(tmp_path / "model.zip")
    loaded = TrustRegionA2C.load(tmp_path / "model.zip")
    assert (loaded.max_kl, loaded.halvings, loaded.step_share) == (0.01, 2, 1 / 8)


@pytest.mark.parametrize("arguments", [{"max_kl": 0}, {"max_kl": -1.0}, {"halvings": -1}])
def test_bounds_that_make_no_sense(make_ppo: Callable[..., PPO], arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="give a positive bound"):
        make_ppo(algorithm=TrustRegionPPO, **arguments)

"""What is logged while PPO trains."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stable_baselines3 import PPO

from textgym.sb3 import KLControl, TextCallback

KEYS = """
    reward/score_mean reward/sentiment_mean reward/sentiment_std reward/sentiment_min reward/sentiment_max reward/length_mean
    kl/per_token kl/per_completion kl/k2 kl/k3 kl/full kl/beta text/length text/eos_rate text/distinct_1 text/distinct_2
    text/entropy train/grad_norm train/optimizer_steps time/tokens_per_second time/rollout_s time/reward_s
    time/reference_s time/update_s train/explained_variance
""".split()


def test_records_every_key(make_ppo: Callable[..., PPO], records: type) -> None:
    model = make_ppo(
        env={"reward_funcs": ["sentiment", "length"], "reward_weights": [1.0, 0.0]},
        rollout_buffer_kwargs={"kl": KLControl(0.1)},
    )
    log = records().of(model)
    model.learn(360, callback=TextCallback())
    assert [key for key in KEYS if not log[key]] == []
    # 2 epochs of 3 minibatches: a lost or doubled optimiser step would show here
    assert log["train/optimizer_steps"] == [6, 6]
    assert log["reward/score_mean"] == pytest.approx(log["reward/sentiment_mean"], abs=1e-5)
    assert all(low <= mean <= high for low, mean, high in zip(
        log["reward/length_min"], log["reward/length_mean"], log["reward/length_max"], strict=True
    ))  # fmt: skip
    # k3 is never negative, and all three estimate the same small divergence
    assert min(log["kl/k3"]) >= 0 and log["kl/full"][-1] == pytest.approx(log["kl/k3"][-1], rel=1.0, abs=2e-3)


def test_hooks_are_removed(make_ppo: Callable[..., PPO]) -> None:
    callback = TextCallback()
    make_ppo().learn(120, callback=callback)
    assert not callback._handles

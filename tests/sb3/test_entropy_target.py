"""The entropy bonus follows its target, and nothing else changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import PPO

from textgym.errors import ConfigurationError
from textgym.sb3 import RLOO, Checkpoint, EntropyTarget, TextCallback, TextVecEnv, TransformerPolicy, resume

SMALL: dict[str, Any] = {"num_envs": 4, "n_steps": 8, "batch_size": 32, "n_epochs": 1, "ent_coef": 0.01}


class EntropyTargetPPO(EntropyTarget, PPO):
    pass


def weights(model: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()])


@pytest.mark.parametrize("target", [2.0, 6.0])
def test_the_coefficient_moves_towards_the_target(make_ppo: Callable[..., Any], records: type, target: float) -> None:
    """The model begins with some 4 nats per token: below 2 nothing is wanted, below 6 there is too little."""
    model = make_ppo(algorithm=EntropyTargetPPO, entropy_target=target, entropy_rate=0.5, **SMALL)
    log = records().of(model)
    model.learn(3 * 32, callback=TextCallback())
    expected = 0.01 * math.exp(0.5 * sum(target - entropy for entropy in log["text/entropy"]))
    assert model.ent_coef == pytest.approx(expected, rel=1e-5)
    assert (model.ent_coef > 0.01) == (target > 4)
    assert [ent_coef > 0.01 for ent_coef in log["train/ent_coef"]] == [target > 4] * 2


def test_without_a_target_nothing_changes(make_ppo: Callable[..., Any]) -> None:
    plain, off = (make_ppo(algorithm=each, **SMALL).learn(2 * 32) for each in (PPO, EntropyTargetPPO))
    assert torch.equal(weights(plain), weights(off)) and off.ent_coef == 0.01


def test_it_goes_on_from_files(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    def make() -> Any:
        return make_ppo(algorithm=EntropyTargetPPO, entropy_target=6.0, **SMALL)

    model, again = make(), make()
    model.learn(32, callback=Checkpoint(tmp_path / "a"))
    resume(again, tmp_path / "a")
    model.save(tmp_path / "b.zip")
    loaded = EntropyTargetPPO.load(tmp_path / "b.zip", env=model.env)
    assert model.ent_coef > 0.01
    assert (again.ent_coef, loaded.ent_coef, loaded.entropy_target) == (model.ent_coef, model.ent_coef, 6.0)


def test_what_makes_no_sense_is_refused(make_ppo: Callable[..., Any]) -> None:
    for changes in ({"ent_coef": 0.0}, {"entropy_target": -1.0}, {"entropy_rate": 0.0}):
        with pytest.raises(ConfigurationError, match="ent_coef"):
            make_ppo(algorithm=EntropyTargetPPO, **{"entropy_target": 2.0, **SMALL, **changes})

    class EntropyTargetRLOO(EntropyTarget, RLOO):
        pass

    env = TextVecEnv("TextGen-Sentiment-v0", 2, max_new_tokens=3)
    with pytest.raises(ConfigurationError, match=r"ent_coef=0\.0"):
        EntropyTargetRLOO(TransformerPolicy, env, n_prompts=1, group_size=2, entropy_target=2.0, device="cpu")

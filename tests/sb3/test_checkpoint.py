"""A training that was killed goes on as if it had not been."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor

from textgym.errors import ConfigurationError
from textgym.rewards import Normalised
from textgym.sb3 import (
    GRPO,
    REINFORCE,
    Checkpoint,
    KLControl,
    MaskableSequenceRolloutBuffer,
    MaskableTransformerPolicy,
    TrustRegion,
    resume,
    save,
)

TOTAL, KILL = 60, 50  # three rollouts of 20 tokens, or of whole episodes, and the middle of the last
SMALL: dict[str, Any] = {"num_envs": 2, "n_steps": 10, "batch_size": 10}
TEXTS = {"max_prompt_tokens": 8, "max_new_tokens": 6}


class TrustRegionPPO(TrustRegion, PPO):
    pass


class TrustRegionGRPO(TrustRegion, GRPO):
    pass


def kl() -> KLControl:
    return KLControl(beta=0.05, target=1.0)


def options_of(name: str) -> dict[str, Any]:
    """Arguments of ``make_ppo``, made anew, for some of them change as an algorithm learns."""
    names = ("n_steps", "gamma", "gae_lambda", "rollout_buffer_class")
    groups = {**dict.fromkeys(names), "batch_size": 2, "n_prompts": 2, "group_size": 2, "kl": kl()}
    options: dict[str, Any] = SMALL | {"env": TEXTS, "learning_rate": 1e-3, "rollout_buffer_kwargs": {"kl": kl()}}
    match name:
        case "ppo":
            env = {**TEXTS, "reward_funcs": [Normalised("sentiment"), "length"], "shaping": True}
            region = {"algorithm": TrustRegionPPO, "max_kl": 1e-3, "halvings": 1, "policy_kwargs": {"warmup_steps": 10}}
            return options | region | {"env": env, "n_epochs": 1, "learning_rate": lambda rest: 1e-2 * rest}
        case "lora":
            return options | {"policy_kwargs": {"peft": {"peft_type": "LORA", "r": 2}}, "learning_rate": 1e-2}
        case "a2c":
            return options | {"algorithm": A2C, "batch_size": None, "n_epochs": None}
        case "maskable":
            masked = {"policy": MaskableTransformerPolicy, "rollout_buffer_class": MaskableSequenceRolloutBuffer}
            return options | {"algorithm": MaskablePPO, **masked}
        case "grpo":
            region = {"algorithm": TrustRegionGRPO, "max_kl": 1e-3, "halvings": 1, "kl_in": "loss_k3"}
            return options | groups | region | {"rollout_buffer_kwargs": None}
    one = {"algorithm": REINFORCE, "baseline": "running", "n_prompts": 4, "group_size": 1}
    return options | groups | one | {"n_epochs": None, "rollout_buffer_kwargs": None}


def state(model: Any) -> list[torch.Tensor]:
    """Everything that the next rollout and update depend on."""
    venv = model.env.venv
    optimizer = model.policy.optimizer.state_dict()["state"].values()
    control = model.kl if hasattr(model, "kl") else model.rollout_buffer.kl
    arrays = [
        *(value for moments in optimizer for value in moments.values()),
        *(model._last_obs[name] for name in ("input_ids", "attention_mask")),
        venv.action_masks(),
        [generator.integers(2**40) for generator in venv.np_random],
        [control.beta, model.num_timesteps, getattr(model, "step_share", 1.0), getattr(model, "_running", None) or 0.0],
        [episode["r"] for episode in model.ep_info_buffer],
        [torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]],  # noqa: NPY002
    ]
    return [*model.policy.state_dict().values(), *map(torch.as_tensor, arrays)]


class Stop(BaseException):
    pass


class StopAt(BaseCallback):
    """What kills a training in the middle of a rollout."""

    def __init__(self, at: int, kill: Callable[[], None]) -> None:
        super().__init__()
        self.at, self.kill = at, kill

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.at:
            self.kill()
        return True


def stop() -> None:
    raise Stop


@pytest.mark.parametrize("name", ["lora", "a2c", "maskable", "reinforce"])
def test_what_is_resumed_equals_what_was_never_killed(make_ppo: Callable[..., Any], tmp_path: Path, name: str) -> None:
    """To the last bit; a generator, beta or an episode that began anew would give other weights."""
    path = tmp_path / "new" / "checkpoint"
    whole = make_ppo(**options_of(name))
    whole.learn(TOTAL)
    expected = state(whole)
    killed = make_ppo(**options_of(name))
    with pytest.raises(Stop):
        killed.learn(TOTAL, callback=[Checkpoint(path), StopAt(KILL, stop)])
    resumed = make_ppo(**options_of(name))
    torch.rand(7), np.random.rand(7), random.random()  # noqa: NPY002
    resume(resumed, path)
    assert 0 < resumed.num_timesteps < KILL
    resumed.learn(TOTAL - resumed.num_timesteps, reset_num_timesteps=False)
    for own, theirs in zip(state(resumed), expected, strict=True):
        assert torch.equal(own, theirs)


KILLED = """
import os, signal, sys
import torch
from tests.sb3.conftest import ppo_on_sentiment
from tests.sb3.test_checkpoint import KILL, TOTAL, Checkpoint, StopAt, options_of
torch.set_num_threads(1)

def train(name, path, kill):
    ppo_on_sentiment(**options_of(name)).learn(TOTAL, callback=[Checkpoint(path), StopAt(KILL, kill)])

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

train("ppo", sys.argv[1], lambda: train("grpo", sys.argv[2], kill))
"""


def test_another_process_goes_on_where_one_was_killed(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    """SIGKILL, while PPO and, for the sake of time within its rollout, GRPO are in the middle of one."""
    paths = [tmp_path / "ppo", tmp_path / "grpo"]
    process = subprocess.run([sys.executable, "-c", KILLED, *paths], capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert {*tmp_path.iterdir()} == {*paths}
    for path in paths:
        whole = make_ppo(**options_of(path.name))
        whole.learn(TOTAL)
        expected = state(whole)
        resumed = make_ppo(**options_of(path.name))
        resume(resumed, path)
        resumed.learn(TOTAL - resumed.num_timesteps, reset_num_timesteps=False)
        assert all(map(torch.equal, state(resumed), expected))


def test_a_checkpoint_is_written_between_rollouts(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    path, written = tmp_path / "checkpoint", list[int]()

    class Watch(BaseCallback):
        def _on_rollout_end(self) -> None:
            written.append(resumable(path))

        def _on_step(self) -> bool:
            return self.num_timesteps < 90  # in the middle of the fifth rollout

    def resumable(path: Path) -> int:
        return torch.load(path, weights_only=True)["sb3"]["num_timesteps"] if path.exists() else 0

    make_ppo(**options_of("a2c")).learn(100, callback=[Checkpoint(path, every=2), Watch()])
    assert written == [0, 0, 40, 40] and resumable(path) == 80
    make_ppo(**options_of("a2c")).learn(60, callback=Checkpoint(path, every=2))
    assert resumable(path) == 60  # when it has ended


def test_files_that_are_no_checkpoints(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    """What others send may be a pickle, and unpickled it would run."""
    model = make_ppo(**options_of("a2c"))
    with pytest.raises(ConfigurationError, match="There is no checkpoint"):
        resume(model, tmp_path / "none")
    harmful, ran = tmp_path / "harmful", tmp_path / "ran"

    class Harmful:
        def __reduce__(self) -> Any:
            return Path.touch, (ran,)

    torch.save({"format": 1, "about": Harmful()}, harmful)
    (tmp_path / "text").write_text("text")
    torch.save({"weights": torch.ones(1)}, tmp_path / "other")
    whole = save(model, tmp_path / "model.zip")
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:1000])
    for name in ("harmful", "text", "other", "model.zip", "cut"):
        with pytest.raises(ConfigurationError, match=f"{name}' is no checkpoint"):
            resume(model, tmp_path / name)
    assert not ran.exists()


def test_a_checkpoint_of_another_run_changes_nothing(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    make_ppo(**options_of("a2c")).learn(20, callback=Checkpoint(path))
    for changes, what in [
        ({"num_envs": 3}, "environments 2"),
        ({"n_steps": 5}, "steps 10"),
        ({"env": TEXTS | {"split": "train"}}, "prompts"),
        ({"policy_kwargs": {"separate_critic": True}}, "weights"),
    ]:
        model = make_ppo(**options_of("a2c") | changes)
        before = torch.get_rng_state()
        with pytest.raises(ConfigurationError, match=what):
            resume(model, path)
        assert model.num_timesteps == 0 and torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ConfigurationError, match="the algorithm A2C"):
        resume(make_ppo(**options_of("grpo")), path)


def test_what_has_no_known_state_is_refused(make_ppo: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(ConfigurationError, match="with a SequenceRolloutBuffer"):
        options = options_of("a2c") | {"rollout_buffer_class": None, "rollout_buffer_kwargs": None}
        make_ppo(**options).learn(20, callback=Checkpoint(path))
    model = make_ppo(**options_of("a2c"))
    model.set_env(VecMonitor(model.env))
    with pytest.raises(ConfigurationError, match="VecMonitor does not tell"):
        model.learn(20, callback=Checkpoint(path))
    with pytest.raises(ConfigurationError, match="every"):
        Checkpoint(path, every=0)

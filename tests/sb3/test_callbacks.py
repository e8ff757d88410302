"""What is logged while PPO trains."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from textgym.errors import ConfigurationError
from textgym.sb3 import KLControl, TextCallback

KEYS = [
    *(
        f"reward/{name}"
        for name in ("score_mean", "sentiment_mean", "sentiment_std", "sentiment_min", "sentiment_max", "length_mean")
    ),
    *(f"kl/{name}" for name in ("per_token", "per_completion", "k2", "k3", "full", "beta")),
    *(f"kl/{name}_per_completion" for name in ("k2", "k3", "full")),
    *(f"text/{name}" for name in ("length", "eos_rate", "distinct_1", "distinct_2", "entropy")),
    *(f"train/{name}" for name in ("grad_norm", "optimizer_steps", "explained_variance")),
    *(f"time/{name}" for name in ("tokens_per_second", "rollout_s", "reward_s", "reference_s", "update_s")),
]


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


def test_some_completions_are_logged_as_text_and_not_printed(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    model = make_ppo()
    model.set_logger(configure(str(tmp_path), ["csv", "tensorboard", "log"]))
    model.learn(360, callback=TextCallback(samples=2, samples_every=2))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    texts = events.Tensors("text/samples/text_summary")
    assert [event.step for event in texts] == [120, 360]
    for event in texts:
        (text,) = event.tensor_proto.string_val
        assert len(text.decode().split("\n")) == 2
        assert all(re.match(r"    sentiment [01]\.\d{3}: .+\|", line) for line in text.decode().split("\n"))
    assert all("samples" not in path.read_text() for path in (tmp_path / "progress.csv", tmp_path / "log.txt"))


@pytest.mark.parametrize("arguments", [{"samples": -1}, {"samples_every": 0}])
def test_numbers_of_samples_that_make_no_sense(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="samples"):
        TextCallback(**arguments)


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_tensorboard_and_progress_bar(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    model = make_ppo(tensorboard_log=str(tmp_path))
    model.learn(240, callback=TextCallback(), progress_bar=True)
    events = EventAccumulator(str(tmp_path / "PPO_1"))
    events.Reload()
    assert {"reward/score_mean", "text/length", "time/rollout_s", "train/loss"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("text/length")] == [120, 240]

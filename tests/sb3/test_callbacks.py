"""What is logged while PPO trains."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.logger import HumanOutputFormat, configure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from textgym.errors import ConfigurationError
from textgym.sb3 import KLControl, TextCallback, TextVecEnv
from textgym.sb3.callbacks import component_key

KEYS = [
    *(
        f"reward/{name}"
        for name in ("sentiment_mean", "sentiment_std", "sentiment_min", "sentiment_max", "length_mean")
    ),
    *(f"return/{name}" for name in ("mean", "std", "min", "max")),
    *(f"kl/{name}" for name in ("per_token", "per_completion", "k2", "k3", "full", "beta")),
    *(f"kl/{name}_per_completion" for name in ("k2", "k3", "full")),
    *(f"text/{name}" for name in ("length", "eos_rate", "distinct_1", "distinct_2", "invalid_words", "entropy")),
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
    assert log["return/mean"] == pytest.approx(log["reward/sentiment_mean"], abs=1e-5)
    assert all(low <= mean <= high for low, mean, high in zip(
        log["reward/length_min"], log["reward/length_mean"], log["reward/length_max"], strict=True
    ))  # fmt: skip
    # k3 is never negative, and all three estimate the same small divergence
    assert min(log["kl/k3"]) >= 0 and log["kl/full"][-1] == pytest.approx(log["kl/k3"][-1], rel=1.0, abs=2e-3)


def test_seconds_by_phase_are_those_of_all_of_training(make_ppo: Callable[..., PPO], records: type) -> None:
    model = make_ppo()
    log = records().of(model)
    began = time.perf_counter()
    model.learn(360, callback=TextCallback())
    whole, total = time.perf_counter() - began, model.phase_seconds  # type: ignore[attr-defined]
    for phase in ("rollout", "reward", "reference"):
        assert total[phase] == pytest.approx(sum(log[f"time/{phase}_s"]))
    assert total["update"] > sum(log["time/update_s"])  # the last update, which is not logged, too
    assert 0 < sum(total.values()) < whole
    before = dict(total)
    model.learn(120, callback=TextCallback(), reset_num_timesteps=False)
    assert all(seconds > before[phase] for phase, seconds in model.phase_seconds.items() if before[phase])  # type: ignore[attr-defined]


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


@pytest.mark.parametrize("arguments", [{"samples": -1}, {"samples_every": 0}, {"window": 0}])
def test_numbers_of_samples_that_make_no_sense(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="samples"):
        TextCallback(**arguments)


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_tensorboard_and_progress_bar(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    model = make_ppo(tensorboard_log=str(tmp_path))
    model.learn(240, callback=TextCallback(), progress_bar=True)
    events = EventAccumulator(str(tmp_path / "PPO_1"))
    events.Reload()
    assert {"return/mean", "text/length", "time/rollout_s", "train/loss"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("text/length")] == [120, 240]


def test_names_of_users_meet_none_of_ours_and_end_no_run(make_ppo: Callable[..., PPO], records: type) -> None:
    """A reward called score was mixed with the return; two long names looked alike to SB3's table, which raised."""

    def scoring(name: str, value: float) -> Callable[..., list[float]]:
        def reward(completions: list[str], **_: Any) -> list[float]:
            return [value] * len(completions)

        reward.__name__ = name
        return reward

    long = "organisation/a-classifier-of-the-hub-with-a-long-name"
    names = ["score", "return", "mean", f"{long}-1", f"{long}-2"]
    model = make_ppo(
        env={"reward_funcs": [scoring(name, float(i)) for i, name in enumerate(names)], "reward_weights": [1.0] * 5}
    )
    log = records().of(model)
    table = HumanOutputFormat(StringIO())
    model.logger.output_formats.append(table)
    model.learn(240, callback=TextCallback())
    assert set(log["reward/score_mean"]) == {0.0} and set(log["return/mean"]) == {10.0}
    assert set(log["reward/return_mean"]) == {1.0} and set(log["reward/mean_mean"]) == {2.0}
    keys = [component_key(name) for name in names]
    assert len({*keys}) == 5 and set(log[f"{keys[3]}mean"]) == {3.0} and set(log[f"{keys[4]}mean"]) == {4.0}


def test_refuses_algorithms_without_rollouts() -> None:
    """It failed at the end of the first rollout, with an AttributeError."""
    env = TextVecEnv("TextGen-Sentiment-v0", 1, max_new_tokens=3)
    model = DQN("MultiInputPolicy", env, buffer_size=10, device="cpu", policy_kwargs={"net_arch": []})
    with pytest.raises(ConfigurationError, match="DQN has none"):
        model.learn(4, callback=TextCallback())

"""The monitor's windows, and its warnings."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import PPO

from textgym.sb3 import TextCallback
from textgym.sb3.hacking import HackingMonitor

LONGEST = 12


class Rows:
    """Environments side by side whose policy does not change: an episode ends with every token with a chance of 1/8."""

    def __init__(self, n: int, seed: int = 0) -> None:
        self.rng, self.lengths, self.episodes = random.Random(seed), [0] * n, 0

    def step(self, reward: float = 0.5, phrase: str | None = None) -> list[dict[str, Any]]:
        infos: list[dict[str, Any]] = []
        for row in range(len(self.lengths)):
            self.lengths[row] += 1
            eos = self.rng.random() < 1 / 8
            infos.append({})
            if eos or self.lengths[row] == LONGEST:
                words = [f"w{self.rng.randrange(1000)}" for _ in range(self.lengths[row] - eos)]
                infos[row] = {
                    "prompt": f"prompt {self.episodes}",
                    "completion": phrase or " ".join(words),
                    "completion_length": len(words),
                    "finish_reason": "eos" if eos else "length",
                    "rewards": {"a": 0.0},
                    "episode": {"r": self.rng.gauss(reward, 0.1)},
                }
                self.lengths[row], self.episodes = 0, self.episodes + 1
        return infos


def rollout(monitor: HackingMonitor, rows: Rows, steps: int = 16, **changes: Any) -> None:
    for _ in range(steps):
        monitor.add(rows.step(**changes))
    monitor.look()


def test_windows_favour_no_length() -> None:
    """Of the first 16 steps the episodes that ended are 5.5 tokens long on average, of all 6.3."""
    expected = np.mean([len(info["completion"].split()) for info in many_episodes()])
    starts, later = [], []
    for seed in range(40):
        monitor, rows = HackingMonitor(30), Rows(30, seed)
        while monitor.last is None:
            rollout(monitor, rows, steps=8)
            starts += [monitor.start.length.value] if monitor.start and len(starts) == seed else []
        later.append(monitor.last.figures["length"].now)
    for means in (starts, later):
        assert np.mean(means) == pytest.approx(expected, abs=4 * np.std(means) / 40**0.5)


def many_episodes() -> list[dict[str, Any]]:
    rows = Rows(1)
    return [info for _ in range(30_000) for info in rows.step() if info]


def test_one_warning_when_a_figure_begins_to_be_wrong(caplog: pytest.LogCaptureFixture) -> None:
    monitor, rows = HackingMonitor(40), Rows(40)
    phrase = {"reward": 0.9, "phrase": "so good so good so good so good"}
    with caplog.at_level(logging.WARNING):
        for changes in ({}, {}, {"reward": 0.9}):
            for _ in range(3):
                rollout(monitor, rows, **changes)
            assert not caplog.records
        for _ in range(3):
            rollout(monitor, rows, **phrase)
        assert len(caplog.records) == 1 and "while distinct-2 went from" in caplog.text
        assert monitor.last is not None and [*monitor.last.hacked] == ["distinct-2"]
        for _ in range(3):
            rollout(monitor, rows)
        assert monitor.last.hacked == {}
        for _ in range(3):
            rollout(monitor, rows, **phrase)
        assert len(caplog.records) == 2, "it is said again when it begins again"


def test_groups_wait_for_enough_prompts() -> None:
    """40 completions of 10 prompts say little; a window has at least 20."""
    monitor, rows = HackingMonitor(40), Rows(40)
    for _ in range(3):
        for _ in range(16):
            infos = rows.step()
            for row, info in enumerate(infos):
                if info:
                    info["prompt"] = f"prompt {row // 4}"
            monitor.add(infos)
        monitor.look()
    assert monitor.start is None


def test_a_task_of_few_prompts_costs_no_more_the_longer_it_is_trained() -> None:
    """Windows never become whole there; if all episodes were kept, the last look would go through 20,000 of them."""

    class Prompt(str):
        looked_at = 0

        def __hash__(self) -> int:
            Prompt.looked_at += 1
            return super().__hash__()

    monitor, rows = HackingMonitor(40), Rows(40)
    for _ in range(200):
        for _ in range(16):
            infos = rows.step()
            for row, info in enumerate(infos):
                if info:
                    info["prompt"] = Prompt(row % 4)
            monitor.add(infos)
        Prompt.looked_at = 0
        monitor.look()
        assert Prompt.looked_at < 2000 and monitor.start is None


@pytest.fixture
def few_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are enough for a figure, so that few tokens make windows."""
    for module in ("textgym.sb3.hacking", "textgym.evaluation.hacking"):
        monkeypatch.setattr(f"{module}.LEAST", 2)


SMALL: dict[str, Any] = {"num_envs": 4, "n_steps": 14, "batch_size": 56, "n_epochs": 1}


@pytest.mark.usefixtures("few_prompts")
def test_every_training_has_its_own_start(make_ppo: Callable[..., PPO], records: type) -> None:
    callback, logs = TextCallback(window=1), []
    for _ in range(2):
        model = make_ppo(**SMALL)
        logs.append(records().of(model))
        model.learn(56, callback=callback)
        assert callback.monitor.start is not None and callback.monitor.last is None
    before = callback.monitor.start
    model.learn(3 * 56, callback=callback, reset_num_timesteps=False)
    assert callback.monitor.start is before and callback.monitor.last is not None
    assert logs[0]["text/wrong_way"] == [] and logs[1]["text/wrong_way"]


@pytest.mark.usefixtures("few_prompts")
def test_gold_counts_for_nothing_and_is_looked_at(make_ppo: Callable[..., PPO]) -> None:
    model = make_ppo(env={"reward_funcs": ["sentiment", "gold"], "reward_weights": [1.0, 0.0]}, **SMALL)
    callback = TextCallback(window=1)
    model.learn(4 * 56, callback=callback)
    assert callback.monitor.last is not None and "gold" in callback.monitor.last.figures

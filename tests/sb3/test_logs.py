"""docs/logs.md explains what is logged: every key, and none that is not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from stable_baselines3 import PPO

from benchmarks.results_io import ROOT
from textgym.sb3 import GRPO, EntropyTarget, KLControl, TextCallback, TextVecEnv, TransformerPolicy, TrustRegion


class FullPPO(EntropyTarget, TrustRegion, PPO):
    pass


COMPONENTS = ("sentiment", "length")


def test_every_key_is_explained(make_ppo: Callable[..., PPO], records: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textgym.sb3.hacking.LEAST", 1)  # prompts, so that few tokens make windows to compare
    rewards = {"reward_funcs": [*COMPONENTS], "reward_weights": [1.0, 0.5]}
    options = {"ent_coef": 0.01, "entropy_target": 2.0, "rollout_buffer_kwargs": {"kl": KLControl(0.1)}}
    ppo = make_ppo(algorithm=FullPPO, env=rewards, **options)
    env = TextVecEnv("TextGen-Sentiment-v0", 4, max_new_tokens=12, split="validation", **rewards)
    grpo = GRPO(
        TransformerPolicy, env, n_prompts=2, group_size=2, kl=KLControl(0.1), kl_in="loss_k3", seed=0, device="cpu"
    )
    logged = set()
    for model, tokens in ((ppo, 240), (grpo, 60)):
        log = records().of(model)
        model.learn(tokens, callback=TextCallback(window=1))
        logged |= {key for row in log.rows for key in row}
    lines = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    explained = [key for cell in cells for key in re.findall(r"`(\w+/[^`]+)`", cell)]
    assert len(explained) == len({*explained})
    general = [key for key in explained if "<component>" in key]
    named = {key.replace("<component>", name) for key in general for name in COMPONENTS}
    assert named | {*explained} - {*general} == logged

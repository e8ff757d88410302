"""What to watch while a language model is trained by PPO."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from textgym import metrics
from textgym.arguments import check_integers
from textgym.errors import ConfigurationError
from textgym.sb3.buffers import SequenceRolloutBuffer
from textgym.sb3.completions import Completions
from textgym.sb3.hacking import HackingMonitor
from textgym.sb3.kl import k2, k3
from textgym.sb3.vec_env import TextVecEnv

LONGEST_NAME = 28  # SB3 prints 36 characters, 3 of them an indent, and "_mean" comes behind
FULL_KL_FRAGMENTS = 4  # of a rollout: their full divergence needs two (timesteps, vocabulary) tensors


def component_key(name: str) -> str:
    """The beginning of a reward function's keys: short enough for SB3's table, which ends a run where two look alike.

    No other key begins with ``reward/``, so that no name meets one of ours.

    >>> component_key("sentiment")
    'reward/sentiment_'
    >>> component_key("organisation/a-model-with-a-long-name")
    'reward/organisation/a-model-~5dcb3b_'
    """
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()[:6]
        name = f"{name[: LONGEST_NAME - 7]}~{digest}"
    return f"reward/{name}_"


class TextCallback(BaseCallback):
    """Log what tells a learning policy from a broken or a hacking one; nothing else depends on it.

    Recorded once per rollout, through SB3's logger:

    - ``return/mean``, ``std``, ``min``, ``max``: of the episodes that ended; ``reward/<component>_mean``, ``_std``,
      ``_min``, ``_max``: of each of its parts, by the name of the reward function (`component_key`).
    - ``kl/per_token``, ``kl/per_completion``: the mean of ``log_prob - reference_log_prob`` (k1 of Schulman, 2020,
      "Approximating KL Divergence"), per token and summed over a completion; ``kl/k2``, ``kl/k3``: his two estimators
      with less variance; ``kl/full``: the exact divergence per token, over the vocabulary, on a few fragments; these
      three also ``_per_completion``, times its mean number of tokens; ``kl/beta``: the price that this rollout paid.
    - ``text/length``, ``text/eos_rate``, ``text/distinct_1``, ``text/distinct_2``, ``text/invalid_words``,
      ``text/entropy`` (of the policy, per
      token, estimated by ``-log_prob``).
    - ``text/wrong_way``: how many of gold, distinct-2, invalid words and length are worse than at the start, beyond
      noise, while the return is higher (`textgym.sb3.hacking`); a warning tells when one begins to be.
    - ``train/grad_norm`` (mean over optimiser steps, before clipping) and ``train/optimizer_steps``.
    - ``time/tokens_per_second`` and ``time/rollout_s``, ``reward_s``, ``reference_s``, ``update_s``: seconds by phase,
      whose sums over all of training the model has as ``phase_seconds``, by ``rollout``, ``reward`` and so on.

    And every so many rollouts, to TensorBoard alone:

    - ``text/samples``: the first completions of the rollout with their scores, as a block of text.

    Args:
        samples: How many completions are logged as text; 0 for none.
        samples_every: After how many rollouts they are logged again.
        window: How many episodes, at least, are compared with as many of the start.

    Raises:
        ConfigurationError: A negative number of samples, or a number of rollouts or episodes below 1.
    """

    def __init__(self, samples: int = 4, samples_every: int = 10, window: int = 64) -> None:
        check_integers(samples=samples, samples_every=samples_every, window=window)
        if samples < 0 or samples_every < 1 or window < 1:
            raise ConfigurationError(
                f"TextCallback(samples={samples}, samples_every={samples_every}, window={window}): samples must be at "
                "least 0, and the number of rollouts from one time to the next and of episodes at least 1."
            )
        super().__init__()
        self.samples, self.samples_every, self.window = samples, samples_every, window
        self.monitor = HackingMonitor(window)
        self._rollouts = 0
        self.episodes: list[dict[str, Any]] = []
        self._norms: list[torch.Tensor] = []
        self._squares: dict[torch.nn.Parameter, torch.Tensor] = {}  # of gradients, as far as they are accumulated
        self._handles: list[Any] = []

    def _on_training_start(self) -> None:
        policy = self.model.policy
        if not hasattr(self.model, "rollout_buffer"):
            raise ConfigurationError(
                f"TextCallback logs rollouts, and {type(self.model).__name__} has none, for it learns from a replay "
                "buffer. Leave the callback out, or train with an on-policy algorithm such as PPO."
            )
        if not self.model.num_timesteps:
            self.monitor = HackingMonitor(self.window)
            self.model.phase_seconds = {}  # type: ignore[attr-defined]
        for parameter in policy.parameters():
            if parameter.requires_grad:
                self._handles.append(parameter.register_post_accumulate_grad_hook(self._keep_square))
        self._handles.append(policy.optimizer.register_step_pre_hook(self._close_step))
        self._update_began: float | None = None

    def _on_training_end(self) -> None:
        if self._update_began is not None and self._update_began > self._rollout_began:  # no rollout was cut short
            self._add_seconds("update", time.perf_counter() - self._update_began)
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _keep_square(self, parameter: torch.nn.Parameter) -> None:
        assert parameter.grad is not None
        self._squares[parameter] = parameter.grad.detach().float().pow(2).sum()

    def _close_step(self, *_: Any) -> None:
        if self._squares:
            self._norms.append(torch.stack([*self._squares.values()]).sum().sqrt())
        self._squares = {}

    def _on_rollout_start(self) -> None:
        now = time.perf_counter()
        if self._update_began is not None and self._norms:
            self._add_seconds("update", now - self._update_began)
            self.logger.record("time/update_s", now - self._update_began)
            self.logger.record("train/optimizer_steps", len(self._norms))
            self.logger.record("train/grad_norm", torch.stack(self._norms).mean().item())
        self._norms.clear()
        self._rollout_began, self._tokens_before = now, self.model.num_timesteps
        self._reward_began = self._reward_seconds()
        self.episodes = []

    def _add_seconds(self, phase: str, seconds: float) -> None:
        total: dict[str, float] = vars(self.model).setdefault("phase_seconds", {})
        total[phase] = total.get(phase, 0.0) + seconds

    def _reward_seconds(self) -> float:
        env = self.training_env.unwrapped
        return env.venv.reward_seconds if isinstance(env, TextVecEnv) else 0.0

    def _on_step(self) -> bool:
        self.episodes += [info for info in self.locals["infos"] if "finish_reason" in info]
        self.monitor.add(self.locals["infos"])
        return True

    def _on_rollout_end(self) -> None:
        self._update_began = now = time.perf_counter()
        buffer = self.model.rollout_buffer  # type: ignore[attr-defined]
        seconds = now - self._rollout_began
        reward_seconds = self._reward_seconds() - self._reward_began
        reference_seconds = getattr(buffer, "reference_seconds", 0.0)
        phases = {"rollout": seconds - reward_seconds - reference_seconds, "reward": reward_seconds}
        for phase, spent in (phases | {"reference": reference_seconds}).items():
            self._add_seconds(phase, spent)
            self.logger.record(f"time/{phase}_s", spent)
        self.logger.record("time/tokens_per_second", (self.num_timesteps - self._tokens_before) / seconds)
        self._record_episodes()
        if isinstance(buffer, SequenceRolloutBuffer | Completions):
            self.logger.record("text/entropy", float(-buffer.log_probs.mean()))
            if buffer.kl is not None:
                self._record_kl(buffer)

    def _record_episodes(self) -> None:
        if not self.episodes:
            return
        components: dict[str, list[float]] = defaultdict(list)
        for info in self.episodes:
            components["return/"].append(info["episode"]["r"] if "episode" in info else sum(info["rewards"].values()))
            for name, value in info["rewards"].items():
                components[component_key(name)].append(value)
        for key, values in components.items():
            for statistic in ("mean", "std", "min", "max"):
                self.logger.record(f"{key}{statistic}", float(getattr(np, statistic)(values)))
        texts = [info["completion"] for info in self.episodes]
        self.logger.record("text/length", float(np.mean([info["completion_length"] for info in self.episodes])))
        self.logger.record("text/eos_rate", float(np.mean([info["finish_reason"] == "eos" for info in self.episodes])))
        for n in (1, 2):
            self.logger.record(f"text/distinct_{n}", metrics.distinct_n(texts, n))
        self.logger.record("text/invalid_words", metrics.invalid_words(texts))
        self.monitor.look()
        if self.monitor.last is not None:
            self.logger.record("text/wrong_way", len(self.monitor.last.hacked))
        if self.samples and self._rollouts % self.samples_every == 0:
            shown = "\n".join(map(sample, self.episodes[: self.samples]))
            self.logger.record("text/samples", shown, exclude=("stdout", "log", "csv", "json"))
        self._rollouts += 1

    def _record_kl(self, buffer: SequenceRolloutBuffer | Completions) -> None:
        log_ratio = torch.as_tensor(buffer.log_probs - buffer.reference_log_probs)  # log pi / pi_ref, of any shape
        estimates = {
            "k2": float(k2(log_ratio).mean()),
            "k3": float(k3(log_ratio).mean()),
            "full": buffer.full_kl(FULL_KL_FRAGMENTS),
        }
        self.logger.record("kl/per_token", float(log_ratio.mean()))
        for name, per_token in estimates.items():
            self.logger.record(f"kl/{name}", per_token)
        if self.episodes:
            self.logger.record("kl/per_completion", buffer.kl_per_completion)
            n_tokens = np.mean([info["completion_length"] + (info["finish_reason"] == "eos") for info in self.episodes])
            for name, per_token in estimates.items():
                self.logger.record(f"kl/{name}_per_completion", float(per_token * n_tokens))
        self.logger.record("kl/beta", buffer.beta)


def sample(info: Mapping[str, Any]) -> str:
    r"""An episode's last info as a line: its scores, and its text with a bar before the completion.

    The line is indented, for TensorBoard shows texts as Markdown, and these as they are.

    >>> sample({"prompt": "The film", "completion": "\nis", "rewards": {"sentiment": 0.5}, "finish_reason": "eos"})
    '    sentiment 0.500: The film|\\nis'
    """
    scores = ", ".join(f"{name} {value:.3f}" for name, value in info["rewards"].items())
    text = f"{info['prompt']}|{info['completion']}".replace("\n", "\\n").replace("\r", "\\r")
    return f"    {scores}: {text}"

"""Classic mistakes, what they cost, and which check finds each: ``python -m benchmarks.bug_zoo``.

Every bug is a class of a few lines on top of the right PPO or RLOO, put in the place where it is usually made. Each
trains on ``TextGen-Solvable-v0`` as the right algorithm does, and its regret is computed by enumeration
(`textgym.checks.exact`) along the way; `textgym.checks.doctor` says what it finds.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnvWrapper

from benchmarks.results_io import ROOT, write_measurements
from textgym.checks import doctor, exact
from textgym.models.causal_lm import Reference
from textgym.sb3 import RLOO, KLControl, SequenceRolloutBuffer, TextVecEnv, TransformerPolicy
from textgym.sb3.losses import token_weights

ENV_ID, BETA, EOS, LONGEST = "TextGen-Solvable-v0", 0.1, 1, 5
POINTS, HIGHEST = 50, 2.0  # of a picture's curve, and the regret at its top
console = Console()


# ------------------------------------------------------------------ of the policy


class Colder(TransformerPolicy):
    """Temperature 0.7 in sampling, and none in log-probabilities."""

    @torch.no_grad()
    def forward(self, obs: Any, deterministic: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Sample from one distribution, and tell another."""
        _, values, _ = super().forward(obs, deterministic)
        distribution: Any = self.get_distribution(obs).distribution
        told = distribution.logits  # (n, V)
        actions = torch.distributions.Categorical(logits=self.shaped(told)).sample()
        return actions, values, told.gather(1, actions[:, None])[:, 0]

    def shaped(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits that are sampled from."""
        return logits / 0.7


class TopK(Colder):
    """The three likeliest tokens are sampled from, and all of them in the log-probabilities."""

    def shaped(self, logits: torch.Tensor) -> torch.Tensor:
        """Without the others."""
        return logits.masked_fill(logits < logits.topk(3, 1).values[:, -1:], -torch.inf)


class Dropout(TransformerPolicy):
    """Dropout of 0.1, which SB3's train switches on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for module in self.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.1


class DriftingReference(TransformerPolicy):
    """The reference is the policy itself, and no copy."""

    def reference(self, name: str | None = None) -> Reference:
        """Whose weights are trained."""
        return Reference(self.causal_lm)


# ------------------------------------------------------------------ of the buffer


class Buffer(SequenceRolloutBuffer):
    """What the bugs below change of the rollout, when it is whole."""

    def _price(self, dones: np.ndarray) -> None:
        self.ends = np.vstack([self.episode_starts[1:], dones]).astype(bool)  # (T, E)
        self.spoil()
        super()._price(dones)

    def spoil(self) -> None:
        """Before divergence is priced and advantages are computed."""

    def weights(self, steps: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """How often each timestep of a minibatch is trained, (n,)."""
        return np.ones(len(steps), int)

    def _samples(self, fragments: Any) -> Any:
        _, steps, envs = self._pack(fragments)
        times = torch.as_tensor(np.repeat(np.arange(len(steps)), self.weights(steps, envs)))
        samples = super()._samples(fragments)
        batch: Any = samples.observations
        chosen: Any = replace(batch, row=batch.row[times], position=batch.position[times])
        return type(samples)(chosen, *(tensor[times] for tensor in samples[1:]))


class PadIsEOS(Buffer):
    """Padding has the id of EOS, so that the mask over padding hides EOS, too."""

    def weights(self, steps: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """None for what looks like padding."""
        return (self.actions[steps, envs] != EOS).astype(int)


class StopTokenUntrained(PadIsEOS):
    """The completion is cut before EOS, and the score is paid for the token before."""

    def spoil(self) -> None:
        """Move the scores."""
        for step, env in zip(*np.nonzero(self.ends & (self.actions == EOS)), strict=True):
            if step and not self.ends[step - 1, env]:
                self.rewards[step - 1, env], self.rewards[step, env] = self.rewards[step, env], 0.0


class ScoreOnPadding(Buffer):
    """The score is paid in the last column, which short completions don't reach."""

    def spoil(self) -> None:
        """Lose the scores of what ended by itself."""
        self.rewards[self.ends & (self.actions == EOS)] = 0.0


class UnmaskedMean(Buffer):
    """Padding behind the end, which repeats the last token, is trained as if it were written."""

    def weights(self, steps: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """As often as places are left."""
        times = np.ones(len(steps), int)
        for i in np.flatnonzero(self.ends[steps, envs]):
            starts = np.flatnonzero(np.r_[True, self.ends[:-1, envs[i]]][: steps[i] + 1])
            times[i] = max(1, LONGEST - (steps[i] - starts[-1]))
        return times


class WrongKLSign(Buffer):
    """Divergence is paid, and not priced."""

    def _price(self, dones: np.ndarray) -> None:
        super()._price(dones)
        self.rewards = self.rewards + 2 * self.beta * (self.log_probs - self.reference_log_probs)


class DoubleWhitening(Buffer):
    """Rewards are whitened, mean and all, and advantages before returns are made of them; SB3 whitens once more."""

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray) -> None:
        """Returns of whitened advantages."""
        super().compute_returns_and_advantage(last_values, dones)
        self.advantages = (self.advantages - self.advantages.mean()) / (self.advantages.std() + 1e-8)
        self.returns = self.advantages + self.values


# ------------------------------------------------------------------ of the environment and of the loss


class Truncated(VecEnvWrapper):
    """A text that fills its room is reported as cut, so that SB3 adds the value of a text that is over."""

    def reset(self) -> Any:
        """As it was."""
        return self.venv.reset()

    def step_wait(self) -> Any:
        """With SB3's mark on infos."""
        obs, rewards, dones, infos = self.venv.step_wait()
        for info in (info for info, done in zip(infos, dones, strict=True) if done):
            info["TimeLimit.truncated"] = info["finish_reason"] == "length"
        return obs, rewards, dones, infos


class KLNotDetached(RLOO):
    """The divergence that the reward pays for keeps its gradient."""

    def _policy_loss(self, log_prob: torch.Tensor, ratio: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
        return super()._policy_loss(log_prob, ratio, advantages - BETA * (log_prob - log_prob.detach()))


class AccumulationScale(RLOO):
    """Every part of a step is normalised by its own tokens, and the parts are added up."""

    def _of_tokens(self, rows: np.ndarray, weights: np.ndarray) -> Any:
        lengths = torch.as_tensor(self.rollout_buffer.lengths[rows])
        own = np.zeros_like(weights)
        own[rows] = token_weights(lengths, self.aggregation, self.rollout_buffer.longest)
        return super()._of_tokens(rows, own)


# ------------------------------------------------------------------ the zoo


@dataclass(frozen=True)
class Trainer:
    """PPO, or an algorithm on whole episodes, with or without a bug.

    Attributes:
        algorithm: Its class.
        policy: Its policy's class.
        buffer: Of PPO.
        gamma: Of PPO.
        wrapper: Around PPO's environment.
        found_by: The check that finds it, "" for what is right.
    """

    found_by: str = ""
    algorithm: type[Any] = PPO
    policy: type[TransformerPolicy] = TransformerPolicy
    buffer: type[SequenceRolloutBuffer] = SequenceRolloutBuffer
    gamma: float = 1.0
    wrapper: Callable[[Any], Any] | None = None

    def make(self, seed: int, rows: int = 128) -> Any:
        """A model that has learned nothing.

        Args:
            seed: Of everything.
            rows: Episodes side by side, or of a rollout.
        """
        own: dict[str, Any] = {
            "policy_kwargs": {"model": "textgym-letters", "warmup_steps": 24},
            "seed": seed,
            "device": "cpu",
        }
        own["learning_rate"] = LinearSchedule(0.02, 0.0, 1.0)
        if self.algorithm is not PPO:
            env = TextVecEnv(ENV_ID, rows)
            # parts of different lengths, so that how they are added up matters
            sizes: dict[str, Any] = {"n_prompts": rows // 8, "group_size": 8, "micro_batch_tokens": rows * 2}
            return self.algorithm(self.policy, env, kl=KLControl(BETA), **sizes, **own)
        env = TextVecEnv(ENV_ID, rows)
        return PPO(
            self.policy, env if self.wrapper is None else self.wrapper(env), n_steps=16, batch_size=rows * 8,
            n_epochs=2, gamma=self.gamma, gae_lambda=1.0, rollout_buffer_class=self.buffer,
            rollout_buffer_kwargs={"kl": KLControl(BETA)}, **own,
        )  # fmt: skip


RIGHT = {"right PPO": Trainer(), "right RLOO": Trainer(algorithm=RLOO)}
BUGS = {
    "temperature missing in log-probs": Trainer("samples fit the stated probabilities", policy=Colder),
    "top-k outside log-probs": Trainer("samples fit the stated probabilities", policy=TopK),
    "dropout on": Trainer("dropout is off", policy=Dropout),
    "drifting reference": Trainer("the reference stands still", policy=DriftingReference),
    "pad = EOS": Trainer("EOS is trained once", buffer=PadIsEOS),
    "stop token untrained": Trainer("score on the last token", buffer=StopTokenUntrained),
    "score on padding": Trainer("score on the last token", buffer=ScoreOnPadding),
    "unmasked mean": Trainer("every token is trained once", buffer=UnmaskedMean),
    "gamma .99 over tokens": Trainer("advantages are those of gamma 1", gamma=0.99),
    "truncation bootstrapped": Trainer("score on the last token", wrapper=Truncated),
    "KL sign": Trainer("divergence is priced with the right sign", buffer=WrongKLSign),
    "double whitening": Trainer("advantages are those of gamma 1", buffer=DoubleWhitening),
    "KL not detached": Trainer("gradients equal the slow path", KLNotDetached),
    "wrong accumulation scale": Trainer("gradients equal the slow path", AccumulationScale),
}
ZOO = RIGHT | BUGS


def right_of(name: str) -> str:
    """The trainer without the bug."""
    return "right PPO" if ZOO[name].algorithm is PPO else "right RLOO"


class Regrets(BaseCallback):
    """Keeps the exact regret, every so many rollouts.

    Args:
        task: The task.
        every: Rollouts between two points.
    """

    def __init__(self, task: exact.Solvable, every: int) -> None:
        super().__init__()
        self.task, self.every, self.n, self.points = task, every, 0, list[tuple[int, float]]()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.n % self.every == 0:
            self.note()
        self.n += 1

    def _on_training_end(self) -> None:
        self.note()

    @torch.no_grad()
    def note(self) -> None:
        """One point: tokens and regret."""
        policy: Any = self.model.policy
        table = self.task.tabulate(lambda batch: policy.get_distribution(batch).distribution.logits)
        self.points.append((self.num_timesteps, round(float(self.task.regret(table)), 4)))


def examined(name: str) -> list[str]:
    """The checks that find something wrong with a trainer."""
    return [check.name for check in doctor.examine(ZOO[name].make(0, rows=16)) if check.passed is False]


def measure(name: str, seed: int, total_tokens: int, task: exact.Solvable) -> dict[str, Any]:
    """One learning curve."""
    regrets = Regrets(task, every=4)
    ZOO[name].make(seed).learn(total_tokens, callback=regrets)
    return {
        "trainer": name,
        "right": right_of(name),
        "seed": seed,
        "regret": regrets.points[-1][1],
        "curve": regrets.points,
    }


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """The mean curve of every trainer, one small picture for each, over that of the right algorithm."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((10, 9), layout="constrained")
    FigureCanvasAgg(figure)
    names = [name for name in BUGS if any(row["trainer"] == name for row in rows)]
    axes = figure.subplots(4, 4, sharex=True, sharey=True).flatten()
    lines: dict[str, Any] = {}
    for axis, name in zip(axes, names, strict=False):
        for what, own, colour in (("without the bug", right_of(name), "tab:green"), ("with it", name, "tab:red")):
            curves = [np.array(row["curve"]) for row in rows if row["trainer"] == own]  # (points, 2) of each seed
            if not curves:
                continue
            tokens = np.linspace(0, min(curve[-1, 0] for curve in curves), POINTS)
            # rollouts of whole episodes differ in length, and so do the places of the seeds' points
            regrets = np.array([np.interp(tokens, *curve.T) for curve in curves])  # (seeds, POINTS)
            (lines[what],) = axis.plot(tokens / 1000, regrets.mean(0), color=colour)
            axis.fill_between(tokens / 1000, regrets.min(0), regrets.max(0), color=colour, alpha=0.2, linewidth=0)
            if (last := regrets.mean(0)[-1]) > HIGHEST:
                end = {"color": colour, "fontsize": 9, "ha": "right", "transform": axis.transAxes}
                axis.text(0.97, 0.5, f"{last:.1f} at the end", **end)
        axis.set_title(name, fontsize=9)
        axis.set_ylim(0, HIGHEST)
        axis.tick_params(labelbottom=True, labelleft=True, labelsize=8)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    figure.supxlabel("thousand tokens")
    figure.supylabel("regret, and its range over seeds")
    figure.legend(lines.values(), lines.keys(), loc="lower right")
    figure.savefig(path, dpi=90)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and write results and picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainers", nargs="+", choices=ZOO, default=[*ZOO])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--total-tokens", type=int, default=40_000)
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "bug_zoo.json")
    args = parser.parse_args(arguments)
    logging.getLogger("textgym").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    task = exact.Solvable.of(ENV_ID, beta=BETA)
    found_by = {name: examined(name) for name in args.trainers}
    rows: list[dict[str, Any]] = []
    for seed in args.seeds:
        for name in args.trainers:
            rows.append(measure(name, seed, args.total_tokens, task) | {"found by": found_by[name]})
            console.print(f"seed {seed}, {name}: regret {rows[-1]['regret']}, {found_by[name]}", highlight=False)
            write_measurements(args.output, "python -m benchmarks.bug_zoo", rows)
    draw(rows, args.output.with_suffix(".png"))
    console.print(f"wrote {args.output}")


if __name__ == "__main__":
    main()

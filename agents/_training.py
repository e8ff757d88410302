"""What agents share that are trained by an algorithm of Stable-Baselines3: settings, budget and learning curve."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule

from agents._policy import PolicyAgent
from agents._settings import settled
from textgym.envs import task_of
from textgym.errors import ConfigurationError
from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextCallback, TextVecEnv, TransformerPolicy

SCHEDULES = ("constant", "linear")


@dataclass(frozen=True, kw_only=True)
class OnPolicyConfig:
    """Hyperparameters that all agents have whose algorithm learns from whole rollouts."""

    num_envs: int = 64  # episodes side by side
    n_steps: int = 32  # tokens per row and rollout
    learning_rate: float = 1e-5  # at 1e-4 a model that is right already is lost to noise (benchmarks/coins.py)
    warmup_steps: int = 24  # of the optimiser: a cold Adam moves every weight by the learning rate, whatever it learns
    schedule: str = "constant"  # or "linear": the learning rate falls to 0 at the budget's end
    shaping: bool = False  # every token earns the difference that it makes to the score
    gamma: float = 1.0  # 0.99 would discount the last of 32 tokens to 0.72
    gae_lambda: float = 0.95
    kl_beta: float = 0.02  # score per nat, at first
    kl_target: float | None = 16.0  # nats per completion; None keeps beta fixed


def on_policy(
    algorithm: type[Any],
    env_id: str,
    config: OnPolicyConfig,
    *,
    seed: int,
    model: str | None,
    reference: str | None,
    env_kwargs: dict[str, Any] | None,
    device: str,
    policy: type[TransformerPolicy] = TransformerPolicy,
    rollout_buffer_class: type[SequenceRolloutBuffer] = SequenceRolloutBuffer,
    **arguments: Any,
) -> Any:
    """An algorithm of Stable-Baselines3 with a language model, before it has learned anything.

    Args:
        algorithm: Its class.
        env_id: The task.
        config: Hyperparameters, which the algorithm takes by their names, apart from those of the environment, of the
            price of divergence and of the warm-up.
        seed: See `make_agent_of`, as for the next four.
        model: Where training starts.
        reference: The model that the divergence from is priced.
        env_kwargs: Keywords of the environment.
        device: Where it computes.
        policy: Its class.
        rollout_buffer_class: As in SB3.
        **arguments: The algorithm's own, which no hyperparameter changes.
    """
    keywords = scheduled(asdict(config))
    shaping = {"shaping": keywords.pop("shaping")}
    env = TextVecEnv(env_id, num_envs=keywords.pop("num_envs"), **(shaping | (env_kwargs or {})))
    name = model or env.venv.tokenizer.name
    kl = KLControl(keywords.pop("kl_beta"), keywords.pop("kl_target"))
    return algorithm(
        policy,
        env,
        rollout_buffer_class=rollout_buffer_class,
        rollout_buffer_kwargs={"kl": kl, "reference": reference or name},
        policy_kwargs={"model": name, "warmup_steps": keywords.pop("warmup_steps")},
        seed=seed,
        device=device,
        **keywords,
        **arguments,
    )


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig:
    """Hyperparameters that all agents have whose algorithm plays several completions of a prompt and compares them."""

    n_prompts: int = 16
    group_size: int = 4  # completions of each prompt
    n_epochs: int = 1
    batch_size: int | None = None  # completions per step of the optimiser; None for all
    learning_rate: float = 3e-5
    warmup_steps: int = 24  # of the optimiser: a cold Adam moves every weight by the learning rate, whatever it learns
    schedule: str = "constant"  # or "linear": the learning rate falls to 0 at the budget's end
    max_grad_norm: float = 1.0
    max_kl: float = 0.002  # nats per token that an update may move the policy
    kl_beta: float = 0.02  # score per nat, at first
    kl_target: float | None = 16.0  # nats per completion; None keeps beta fixed
    kl_in: str = "reward_to_go"


def episodes(
    algorithm: type[Any],
    env_id: str,
    config: EpisodeConfig,
    *,
    seed: int,
    model: str | None,
    reference: str | None,
    env_kwargs: dict[str, Any] | None,
    device: str,
) -> Any:
    """An algorithm that learns from whole episodes, before it has learned anything; the arguments are `on_policy`'s.

    The algorithm takes the hyperparameters by their names, apart from those of the divergence's price and the warm-up.
    """
    keywords = scheduled(asdict(config))
    kl = KLControl(keywords.pop("kl_beta"), keywords.pop("kl_target"))
    env = TextVecEnv(env_id, num_envs=config.n_prompts * config.group_size, **(env_kwargs or {}))
    name = model or env.venv.tokenizer.name
    policy_kwargs = {"model": name, "warmup_steps": keywords.pop("warmup_steps")}
    return algorithm(
        TransformerPolicy,
        env,
        kl=kl,
        reference=reference or name,
        policy_kwargs=policy_kwargs,
        seed=seed,
        device=device,
        **keywords,
    )


def scheduled(hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Hyperparameters with the learning rate as SB3 takes it, in place of its schedule's name.

    Raises:
        ConfigurationError: There is no such schedule.
    """
    if (schedule := hyperparameters.pop("schedule")) not in SCHEDULES:
        raise ConfigurationError(f"schedule={schedule!r} is not one of {', '.join(SCHEDULES)}.")
    rate = hyperparameters["learning_rate"]
    return hyperparameters | {"learning_rate": LinearSchedule(rate, 0.0, 1.0) if schedule == "linear" else rate}


class Point(NamedTuple):
    """One rollout of the learning curve.

    Attributes:
        tokens: Generated so far.
        seconds: Since training began.
        score: Mean reward by the task's own reward function of the episodes that ended in the rollout, whatever else
            the agent is trained on, and without the price on KL; their mean return where that is not among its rewards.
        kl: Divergence from the reference model, in nats per completion.
    """

    tokens: int
    seconds: float
    score: float
    kl: float


class BudgetCallback(BaseCallback):
    """Tells the progress, and ends training when time is up."""

    def __init__(self, seconds: float | None, progress: Callable[[int], object] | None) -> None:
        super().__init__()
        self.limit, self.progress = seconds, progress

    def _on_training_start(self) -> None:
        self.began = time.perf_counter()

    def _on_step(self) -> bool:
        return self.limit is None or time.perf_counter() - self.began < self.limit

    def _on_rollout_end(self) -> None:
        if self.progress is not None:
            self.progress(self.num_timesteps)


class CurveCallback(BudgetCallback):
    """Keeps the learning curve, too.

    The algorithm's ``rollout_buffer`` says ``kl_per_completion``, as `textgym.sb3.SequenceRolloutBuffer` does.
    """

    def __init__(self, own_reward: str, seconds: float | None, progress: Callable[[int], object] | None) -> None:
        super().__init__(seconds, progress)
        self.own_reward = own_reward
        self.points: list[Point] = []
        self.scores: list[float] = []  # of the episodes that ended in the rollout

    def _on_step(self) -> bool:
        ended = [info for info in self.locals["infos"] if "episode" in info]
        self.scores += [info["rewards"].get(self.own_reward, info["episode"]["r"]) for info in ended]
        return super()._on_step()

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        kl = model.rollout_buffer.kl_per_completion
        if self.scores and kl is not None:
            seconds = time.perf_counter() - self.began
            self.points.append(Point(self.num_timesteps, seconds, sum(self.scores) / len(self.scores), kl))
        self.scores.clear()
        super()._on_rollout_end()


class TrainedAgent(PolicyAgent):
    """A policy that an algorithm has trained.

    Attributes:
        tokens: How many it generated in training.
        curve: A `Point` per rollout.
        hyperparameters: Those of the agent's ``Config``.
        model: The algorithm, for example to save it.
    """

    def __init__(self, model: Any, curve: list[Point], hyperparameters: dict[str, Any]) -> None:
        super().__init__(model.policy, model.num_timesteps, hyperparameters)
        self.model, self.curve = model, curve


def make_agent_of(
    file: str, build: Callable[..., Any], algorithm: type[Any], config_class: type[Any], **arguments: Any
) -> Callable[..., TrainedAgent]:
    """The ``make_agent`` of an algorithm.

    Args:
        file: The agent's, ``__file__``: its settings are beside it (`agents._settings`).
        build: `on_policy` or `episodes`.
        algorithm: Its class.
        config_class: Of its hyperparameters.
        **arguments: Passed on to ``build``.
    """

    def make_agent(
        env_id: str,
        *,
        seed: int,
        total_tokens: int,
        seconds: float | None = None,
        progress: Callable[[int], object] | None = None,
        model: str | None = None,
        reference: str | None = None,
        env_kwargs: dict[str, Any] | None = None,
        device: str = "auto",
        **hyperparameters: Any,
    ) -> TrainedAgent:
        """Train on the split ``train``, and keep the learning curve.

        Args:
            env_id: The task.
            seed: Decides everything that is random.
            total_tokens: Training ends with the rollout that reaches it.
            seconds: Training also ends when so much time is up.
            progress: Called with the tokens so far, after every rollout.
            model: Where training starts: a model's name or folder; None for the one that the environment's tokenizer is
                named after.
            reference: The model that the divergence from is priced: a model's name or folder; None for ``model``.
            env_kwargs: Keywords of the environment.
            device: Where it computes; ``"auto"`` for a GPU if there is one.
            **hyperparameters: See the agent's ``Config``, and its settings for the task.
        """
        config, task = config_class(**settled(file, env_id, hyperparameters)), task_of(env_id)
        learner = build(
            algorithm,
            env_id,
            config,
            seed=seed,
            model=model,
            reference=reference,
            env_kwargs=env_kwargs,
            device=device,
            **arguments,
        )
        curve = CurveCallback(str(task.reward_funcs) if task else "", seconds, progress)
        learner.learn(total_tokens, callback=[TextCallback(), curve])
        return TrainedAgent(learner, curve.points, asdict(config))

    return make_agent

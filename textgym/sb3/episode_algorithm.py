"""Algorithms without a critic: several completions of each prompt are played to their ends, and compared."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from textgym.arguments import check_numbers, positive_integer
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, UnknownNameError
from textgym.evaluation import Episode
from textgym.evaluation.play import Step, steps
from textgym.models.causal_lm import Reference
from textgym.sb3 import advantages as adv
from textgym.sb3 import losses
from textgym.sb3.completions import Completions
from textgym.sb3.kl import KLControl, k2, k3
from textgym.sb3.policies import TransformerPolicy
from textgym.sb3.vec_env import TextVecEnv

WARMUP_STEPS = 24
LOSSES = ("ppo_clip", "dual_clip", "cispo", "policy_gradient")
RATIOS = ("token", "sequence")
KL_LOSSES = {"loss_k2": k2, "loss_k3": k3}
KL_PLACES = ("reward_to_go", "reward_sum", *KL_LOSSES)


class EpisodeAlgorithm(OnPolicyAlgorithm):
    """Plays ``n_prompts`` prompts ``group_size`` times to the end, and raises what scored better than its like.

    The prompts are the examples of the environment's data set, epoch after epoch in a new order. Subclasses say what a
    completion is compared with (`advantages`). As for SB3's other algorithms, a timestep is a token: callbacks are
    called after every token of the episodes being played, and ``rollout_buffer`` is the last rollout, `Completions`.

    Args:
        policy: `TransformerPolicy`; its critic is not used.
        env: An id, or a `TextVecEnv` with any number of environments: rows are refilled as episodes end.
        learning_rate: As in SB3.
        n_prompts: Prompts of a rollout, K.
        group_size: Completions of each, G.
        n_epochs: How often a rollout is trained on.
        batch_size: Completions of an optimiser step; None for a whole rollout.
        micro_batch_tokens: That one forward pass reads at most, prompts and padding included. Gradients are added up to
            those of the whole step, so that it changes memory and speed alone.
        loss: ``"ppo_clip"``, ``"dual_clip"``, ``"cispo"`` or ``"policy_gradient"``, see `textgym.sb3.losses`.
        ratio: Of probabilities now and in the rollout: ``"token"``, or ``"sequence"`` for GSPO's.
        clip_range: By how much a ratio may fall below 1, and exceed it; CISPO does without the former.
        clip_range_high: By how much it may exceed 1, if that is another number (DAPO's clip-higher).
        aggregation: What a token weighs: ``"token_mean"``, ``"sequence_sum"``, ``"sequence_mean"`` or ``"constant"``,
            see `textgym.sb3.losses.token_weights`.
        whiten: Whether to whiten the advantages over the rollout's tokens (REINFORCE++).
        drop_equal_groups: Whether to leave out groups whose completions all have one score (DAPO).
        kl: The price of divergence from the reference, a `KLControl` or its arguments, ``{"beta": 0.05}``; None loads
            no reference.
        kl_in: Where it is paid: in the rewards, each token for itself and what follows (``"reward_to_go"``) or for
            the whole completion (``"reward_sum"``); or in the loss, by the estimators ``"loss_k2"`` or ``"loss_k3"``.
            Only the first two have the gradient of the expected return; k1 in the loss would have none at all.
        reference: The name of the reference model; None for the one that the policy started from.
        max_grad_norm: Gradients are clipped to this norm.
        stats_window_size: As in SB3.
        tensorboard_log: As in SB3.
        policy_kwargs: See `TransformerPolicy`; its ``warmup_steps`` are 24 here by default.
        verbose: As in SB3.
        seed: As in SB3.
        device: As in SB3.

    Raises:
        ConfigurationError: A number makes no sense, the environment is not textgym's, or the policy another.
        UnknownNameError: There is no option of a name.
    """

    STATE: tuple[str, ...] = (
        "kl",
        "_generator",
        "_prompts",
    )  # what training changes, beside weights (`textgym.sb3.checkpoint`)

    policy: TransformerPolicy
    rollout_buffer: Any = None  # `Completions` once there is a rollout
    least_group = 2  # completions that a group needs

    def __init__(
        self,
        policy: type[TransformerPolicy],
        env: GymEnv | TextGenVectorEnv | str | None,
        learning_rate: float | Schedule = 1e-5,
        n_prompts: int = 8,
        group_size: int = 8,
        n_epochs: int = 1,
        batch_size: int | None = None,
        micro_batch_tokens: int = 8192,
        loss: str = "ppo_clip",
        ratio: str = "token",
        clip_range: float = 0.2,
        clip_range_high: float | None = None,
        aggregation: str = "token_mean",
        whiten: bool = False,
        drop_equal_groups: bool = False,
        kl: KLControl | dict[str, Any] | None = None,
        kl_in: str = "reward_to_go",
        reference: str | None = None,
        max_grad_norm: float = 1.0,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        self.n_prompts, self.n_epochs = positive_integer("n_prompts", n_prompts), positive_integer("n_epochs", n_epochs)
        self.group_size = positive_integer("group_size", group_size)
        self.batch_size = None if batch_size is None else positive_integer("batch_size", batch_size)
        self.micro_batch_tokens = positive_integer("micro_batch_tokens", micro_batch_tokens)
        if self.group_size < self.least_group:
            raise ConfigurationError(
                f"group_size is {group_size}, and {type(self).__name__} compares completions of one prompt: give at "
                f"least {self.least_group}, or use REINFORCE."
            )
        check_names(loss=(loss, LOSSES), ratio=(ratio, RATIOS), kl_in=(kl_in, KL_PLACES),
                    aggregation=(aggregation, losses.AGGREGATIONS))  # fmt: skip
        clip_range_high = clip_range if clip_range_high is None else clip_range_high
        check_numbers(clip_range=clip_range, clip_range_high=clip_range_high, max_grad_norm=max_grad_norm)
        if not (0 < clip_range <= 1 and clip_range_high > 0 and max_grad_norm > 0):
            raise ConfigurationError(
                f"clip_range={clip_range}, clip_range_high={clip_range_high}, max_grad_norm={max_grad_norm}: all must "
                "be positive, and clip_range at most 1."
            )
        if kl is None and reference is not None:
            raise ConfigurationError(f"reference={reference!r} has no effect without kl: give kl=KLControl(beta=0.05).")
        self.loss, self.ratio, self.aggregation, self.kl_in = loss, ratio, aggregation, kl_in
        self.clip_range, self.clip_range_high = clip_range, clip_range_high
        self.whiten, self.drop_equal_groups = whiten, drop_equal_groups
        self.kl, self.reference_name = None if kl is None else KLControl.of(kl), reference
        self._reference: Reference | None = None
        self._generator = np.random.default_rng(seed)  # of prompts and minibatches
        self._prompts: list[int] = []  # the examples that are played next
        made: Any = env  # None too: SB3's load gives it
        if isinstance(env, str):
            made = TextVecEnv(env, num_envs=n_prompts * group_size)
        policy_kwargs = {"warmup_steps": WARMUP_STEPS, **(policy_kwargs or {})}
        super().__init__(
            policy, made, learning_rate, n_steps=1, gamma=1.0, gae_lambda=1.0, ent_coef=0.0, vf_coef=0.0,
            max_grad_norm=max_grad_norm, use_sde=False, sde_sample_freq=-1, stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log, policy_kwargs=policy_kwargs, verbose=verbose, seed=seed, device=device,
            _init_setup_model=_init_setup_model,
        )  # fmt: skip

    @staticmethod
    def _wrap_env(env: Any, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        if isinstance(env, TextGenVectorEnv):
            env = TextVecEnv(env)
        if not isinstance(env, TextVecEnv):
            raise ConfigurationError(
                f"Whole episodes are played in textgym's own environments, and this is {env!r}. Give an id such as "
                "'TextGen-Sentiment-v0', or a TextVecEnv without wrappers."
            )
        return env

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        if not issubclass(self.policy_class, TransformerPolicy):
            raise ConfigurationError(
                f"{type(self).__name__} trains a language model: give TransformerPolicy, not {self.policy_class!r}."
            )
        policy = self.policy_class(self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs)
        if policy.separate_critic:
            raise ConfigurationError(f"{type(self).__name__} has no critic: leave separate_critic out.")
        self.policy = policy.to(self.device)
        if self.kl is not None:
            self._reference = self.policy.reference(self.reference_name)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_reference"]

    def advantages(self, returns: torch.Tensor, completions: Completions) -> torch.Tensor:
        """What the tokens are worth, (K, G, T).

        Args:
            returns: Of every token, with the prices that are paid in the rewards, (K, G, T).
            completions: The rollout that they are of.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------ rollout

    def collect_rollouts(self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        """Play a rollout, unless a callback ends it; the arguments are those of SB3's learn loop."""
        assert isinstance(env, TextVecEnv)
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        indices = np.repeat(self._next_prompts(len(env.venv.dataset)), self.group_size).tolist()
        recorder = Recorder(self.policy, len(indices), env.venv.config.max_new_tokens)
        prefilled = self.policy.prefilled_tokens
        with env.venv.without_autoreset():
            for step in steps(recorder, env.venv, indices):
                recorder.keep(step)
                self.num_timesteps += len(step.rows)
                infos, dones = self._told(step, env.num_envs)
                callback.update_locals(locals())
                if not callback.on_step():
                    return False
                self._update_info_buffer(infos, dones)
        self.logger.record("rollout/prefill_tokens", self.policy.prefilled_tokens - prefilled)
        self.rollout_buffer = recorder.completions(self.kl, self._reference, self.micro_batch_tokens)
        self._compare(self.rollout_buffer)
        if self.kl is not None:
            self.kl.update(self.rollout_buffer.kl_per_completion)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _next_prompts(self, n_examples: int) -> list[int]:
        """The next K of an endless sequence of examples, each epoch of which is shuffled."""
        self._prompts = [index for index in self._prompts if index < n_examples]  # loaded for another data set
        while len(self._prompts) < self.n_prompts:
            self._prompts += self._generator.permutation(n_examples).tolist()
        chosen, self._prompts = self._prompts[: self.n_prompts], self._prompts[self.n_prompts :]
        return chosen

    def _told(self, step: Step, num_envs: int) -> tuple[list[dict[str, Any]], np.ndarray]:
        """A step's infos and dones as SB3's vector environments tell them."""
        infos: list[dict[str, Any]] = [{} for _ in range(num_envs)]
        dones = np.zeros(num_envs, bool)
        for row, episode in step.ended.items():
            length = len(episode.tokens) - episode.info["prompt_length"]
            seconds = round(time.time() - self.start_time / 1e9, 6)
            infos[row] = {**episode.info, "episode": {"r": round(episode.score, 6), "l": length, "t": seconds}}
            dones[row] = True
        return infos, dones

    def _compare(self, completions: Completions) -> None:
        """Say what the tokens are worth, once for each rollout, and which completions are trained on."""
        shape = (self.n_prompts, self.group_size)
        scores = torch.tensor([episode.score for episode in completions.episodes]).view(shape)  # (K, G)
        beta = completions.beta if self.kl_in.startswith("reward") else 0.0
        k1 = completions.padded(completions.log_probs - completions.reference_log_probs)  # (B, T)
        prices = beta * torch.as_tensor(k1).unflatten(0, shape)  # (K, G, T)
        returns = adv.returns(scores, prices, to_go=self.kl_in == "reward_to_go")
        written = torch.as_tensor(completions.written()).unflatten(0, shape)  # (K, G, T)
        completions.prices, completions.returns = prices[written], returns[written]  # (N,) each
        flat = self.advantages(returns, completions)[written]  # (N,)
        kept = adv.varied(scores) if self.drop_equal_groups else torch.ones(self.n_prompts, dtype=torch.bool)
        self.logger.record("rollout/groups_kept", kept.float().mean().item())
        completions.advantages, completions.kept = flat, np.flatnonzero(kept.repeat_interleave(self.group_size))
        if self.whiten and len(completions.kept):
            of_kept = torch.as_tensor(completions.timesteps(completions.kept))
            flat[of_kept] = adv.whiten(flat[of_kept])

    # ------------------------------------------------------------------ update

    def train(self) -> None:
        """Train on the last rollout."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        kept, statistics = self.rollout_buffer.kept, list[dict[str, float]]()  # of every optimiser step
        for _ in range(self.n_epochs if len(kept) else 0):
            statistics += [self._optimizer_step(rows) for rows in self._minibatches(kept)]
            self._n_updates += 1
        for name in statistics[0] if statistics else ():
            self.logger.record(f"train/{name}", float(np.mean([each[name] for each in statistics])))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/clip_range", self.clip_range)

    def _minibatches(self, rows: np.ndarray) -> list[np.ndarray]:
        """Groups in a random order, cut into batches of nearly equal numbers of completions: no small tail.

        What is left together of a group reads its prompt once.
        """
        n_batches = 1 if self.batch_size is None else math.ceil(len(rows) / self.batch_size)
        groups = self._generator.permutation(rows.reshape(-1, self.group_size))  # (K', G), of whole groups
        return np.array_split(groups.ravel(), n_batches)

    def _optimizer_step(self, rows: np.ndarray) -> dict[str, float]:
        """One step on some completions, whose gradient is added up over forward passes; what is logged of it."""
        completions: Completions = self.rollout_buffer
        lengths, weights = torch.as_tensor(completions.lengths[rows]), np.zeros(len(completions.lengths))
        weights[rows] = losses.token_weights(lengths, self.aggregation, completions.longest)
        totals = defaultdict[str, float](float)
        self.policy.optimizer.zero_grad()
        for part in completions.forwards(rows):
            terms, statistics = self._of_tokens(part, weights)
            loss = torch.stack([*terms.values()]).sum()
            loss.backward()
            for name, value in {"loss": loss, **terms, **statistics}.items():
                totals[name] += value.sum().item() / (int(lengths.sum()) if name in statistics else 1)
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return totals

    def _of_tokens(
        self, rows: np.ndarray, weights: np.ndarray
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Of some completions the terms of the loss, added up by weights (B,), and what is logged of n tokens, (n,)."""
        completions: Completions = self.rollout_buffer
        batch, tokens = completions.pack(rows)
        _, log_prob, entropy = self.policy.evaluate_actions(batch, tokens)  # (n,) each
        assert entropy is not None
        at, lengths = completions.timesteps(rows), completions.lengths[rows]
        of_tokens = np.repeat(weights[rows], lengths)
        arrays = completions.log_probs[at], completions.reference_log_probs[at], completions.advantages[at], of_tokens
        old, reference, advantages, weight = (torch.as_tensor(array).to(log_prob) for array in arrays)  # (n,) each
        ratio = losses.token_ratio(log_prob, old)
        if self.ratio == "sequence":
            sequence = torch.as_tensor(np.repeat(np.arange(len(rows)), lengths), device=self.device)
            ratio = losses.sequence_ratio(log_prob, old, sequence)
        terms = {"policy_gradient_loss": (weight * self._policy_loss(log_prob, ratio, advantages)).sum()}
        if self.kl is not None and self.kl_in in KL_LOSSES:
            estimate = KL_LOSSES[self.kl_in](log_prob - reference)
            terms["kl_loss"] = (weight * completions.beta * estimate).sum()
        statistics = {
            "approx_kl": k3(old - log_prob).detach(),
            "clip_fraction": ((ratio < 1 - self.clip_range) | (ratio > 1 + self.clip_range_high)).float(),
            "entropy_loss": -entropy.detach(),
        }
        return terms, statistics

    def _policy_loss(self, log_prob: torch.Tensor, ratio: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
        low, high = self.clip_range, self.clip_range_high
        match self.loss:
            case "ppo_clip":
                return losses.ppo_clip(ratio, advantages, low, high)
            case "dual_clip":
                return losses.dual_clip(ratio, advantages, low, high)
            case "cispo":
                return losses.cispo(ratio, advantages, log_prob, high=high)
        return losses.policy_gradient(log_prob, advantages)


class Recorder:
    """An agent for `play`: a policy that samples, and keeps the log-probability of every token that it chose.

    Args:
        policy: The policy.
        n_episodes: That it will play, B.
        longest: The most tokens that a completion may have, T.
    """

    def __init__(self, policy: TransformerPolicy, n_episodes: int, longest: int) -> None:
        self.policy = policy
        self._last = np.empty(0)  # log-probabilities of the last step's rows
        self._log_probs = np.zeros((n_episodes, longest), np.float32)  # (B, T)
        self._lengths = np.zeros(n_episodes, np.int64)  # (B,)
        self._episodes: dict[int, Episode] = {}

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """A token for every row."""
        actions, _, log_prob = self.policy(obs_as_tensor(obs, self.policy.device), deterministic)
        self._last = log_prob.cpu().numpy()
        return actions.cpu().numpy(), state

    def keep(self, step: Step) -> None:
        """Take down what the last prediction was in its episodes."""
        self._log_probs[step.places, self._lengths[step.places]] = self._last[step.rows]
        self._lengths[step.places] += 1
        self._episodes.update(step.by_place())

    def completions(self, kl: KLControl | None, reference: Reference | None, most_tokens: int) -> Completions:
        """What was written, when all episodes have ended; the arguments are those of `Completions`."""
        longest = self._log_probs.shape[1]
        log_probs = self._log_probs[np.arange(longest) < self._lengths[:, None]]  # (N,)
        episodes = [self._episodes[place] for place in range(len(self._lengths))]
        return Completions(self.policy, episodes, log_probs, longest, kl, reference, most_tokens)


def check_names(**options: tuple[str, Collection[str]]) -> None:
    """Refuse options that are not among those which there are.

    Raises:
        UnknownNameError: One is not.
    """
    for kind, (name, known) in options.items():
        if name not in known:
            raise UnknownNameError(kind, name, known)

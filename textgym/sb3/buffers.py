"""A rollout buffer that stores tokens and yields one row per episode fragment."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.type_aliases import DictRolloutBufferSamples

from textgym.arguments import check_integers, check_numbers
from textgym.errors import ConfigurationError
from textgym.models.causal_lm import Reference
from textgym.models.packing import PackedBatch, pack
from textgym.sb3.kl import KLControl
from textgym.sb3.signature import signer

if TYPE_CHECKING:
    from textgym.sb3.policies import TransformerPolicy

BEGIN_ANEW = (
    "SB3 would go on from the observation before it, which the environment has left. Call "
    "model.set_env(model.get_env()), so that learn begins new episodes"
)
REFERENCE_BATCH = 2048  # timesteps per forward pass without gradients


class Fragment:
    """The part of one episode that lies in one rollout.

    Attributes:
        env: The environment's column in the buffer's arrays.
        start: The first step, a row of them.
        prefix: Token ids of the first observation; the actions that follow are in the buffer.
        stop: One past the last step.
    """

    __slots__ = ("env", "prefix", "start", "stop")

    def __init__(self, env: int, start: int, prefix: np.ndarray) -> None:
        self.env, self.start, self.prefix, self.stop = env, start, prefix, start

    def __len__(self) -> int:
        return self.stop - self.start


class SequenceRolloutBuffer(DictRolloutBuffer):
    """Rollouts of text, for stock PPO and A2C: ``PPO(..., rollout_buffer_class=SequenceRolloutBuffer)``.

    Observations of one episode are prefixes of one another, so only an episode's first observation is stored; the
    rest are its actions. Minibatches hold whole fragments, and the policy reads all their timesteps from one causal
    forward per fragment (`TransformerPolicy.evaluate_actions`): exactly the losses and gradients of one forward per
    timestep. ``batch_size`` is a number of timesteps that minibatches come close to.

    Before advantages are computed, the rewards get a price on divergence from a reference model, token by token and
    detached, ``-beta * (log_prob - reference_log_prob)``, and may be divided by their standard deviation.

    The buffer finds its policy by itself, at the first step (`textgym.sb3.signature`).

    Args:
        buffer_size: Steps per environment and rollout.
        observation_space: The space of a text-generation environment.
        action_space: The space of a text-generation environment.
        device: Where the yielded tensors are needed.
        gae_lambda: As in SB3. Use 0.95 for text.
        gamma: As in SB3. Use 1.0 for text: 0.99 would discount the end of 64 tokens to 0.53.
        n_envs: The number of environments.
        kl: The price of divergence from the reference, a `KLControl` or its arguments, ``{"beta": 0.05}``; None loads
            no reference.
        reference: The name of the reference model (`textgym.models.load`). By default it is the model that the policy
            started from: its name is loaded a second time and frozen, or, with an adapter, the policy's own model
            serves with its adapter off.
        value_lambda: Lambda of the critic's targets, where it is to differ from that of the policy's advantages: 1
            makes them the returns themselves, which a critic that begins at 0 does not bias (Yuan et al., 2025,
            "What's Behind PPO's Collapse in Long-CoT?", decoupled GAE).
        whiten_advantages: Whether to give the policy's advantages the mean 0 and the standard deviation 1 over the
            rollout; the critic's targets stay as they are. SB3's ``normalize_advantage`` does it in each minibatch.
        whiten_rewards: Whether to divide the rewards, KL price included, by their standard deviation over the rollout.

    Raises:
        ConfigurationError: ``reference`` is given without ``kl``, ``kl`` is none that there is, or a number is none.
    """

    STATE: tuple[str, ...] = (
        "kl",
        "_unfinished_kl",
    )  # what training changes from rollout to rollout (`textgym.sb3.checkpoint`)

    fragments: list[Fragment]
    policy: TransformerPolicy | None = None  # known from the first step on
    environment_rewards: np.ndarray  # (buffer_size, n_envs), before the price and whitening
    reference_log_probs: np.ndarray  # (buffer_size, n_envs), equal to log_probs where there is no reference
    kl_per_completion: float | None = None  # nats, mean of the episodes that ended in the rollout; None if none did

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        device: torch.device | str = "auto",
        gae_lambda: float = 1,
        gamma: float = 0.99,
        n_envs: int = 1,
        kl: KLControl | dict[str, Any] | None = None,
        reference: str | None = None,
        value_lambda: float | None = None,
        whiten_rewards: bool = False,
        whiten_advantages: bool = False,
    ) -> None:
        check_integers(**{"n_steps (buffer_size)": buffer_size})
        check_numbers(**({} if value_lambda is None else {"value_lambda": value_lambda}))
        if value_lambda is not None and not 0 <= value_lambda <= 1:
            raise ConfigurationError(f"value_lambda={value_lambda} must be from 0 to 1, or None for gae_lambda.")
        if kl is None and reference is not None:
            raise ConfigurationError(
                f"reference={reference!r} has no effect without kl: "
                "give rollout_buffer_kwargs=dict(kl=KLControl(beta=0.05))."
            )
        self.kl = None if kl is None else KLControl.of(kl)
        self.value_lambda = value_lambda
        self.whiten_rewards, self.whiten_advantages = whiten_rewards, whiten_advantages
        self.reference_name = reference
        self.reference_seconds = 0.0
        self._reference: Reference | None = None  # loaded when the policy is known
        self._collecting = False  # whether a rollout has begun
        self._cut_short = False  # whether one was stopped in the middle of a step, and episodes go on from there
        self._unfinished_kl = np.zeros(n_envs)  # nats so far of each environment's episode, which rollouts may cut
        super().__init__(buffer_size, observation_space, action_space, device, gae_lambda, gamma, n_envs)
        self._collecting = False  # to be made is not to be used

    def reset(self) -> None:
        """Empty the buffer; nothing of the observations' width is allocated."""
        self._cut_short |= self._collecting and not self.full
        self._collecting = True
        shape = (self.buffer_size, self.n_envs)
        self.observations = {}
        self.actions = np.zeros(shape, dtype=np.int64)
        for name in (
            "rewards",
            "returns",
            "episode_starts",
            "values",
            "log_probs",
            "reference_log_probs",
            "advantages",
        ):
            setattr(self, name, np.zeros(shape, dtype=np.float32))
        self.fragments = []
        self._open: list[Fragment] = []  # each environment's current fragment
        self.pos, self.full, self.generator_ready = 0, False, False
        self._rewards_are_priced = False

    def add(  # type: ignore[override]
        self,
        obs: dict[str, np.ndarray],
        action: np.ndarray,
        reward: np.ndarray,
        episode_start: np.ndarray,
        value: torch.Tensor,
        log_prob: torch.Tensor,
    ) -> None:
        """Store one step of every environment; arguments as in SB3.

        Raises:
            ConfigurationError: An observation is not the previous one plus the previous action, the policy is no
                `TransformerPolicy`, or the reference's vocabulary is not the action space.
        """
        input_ids = np.asarray(obs["input_ids"]).reshape(self.n_envs, -1)  # (E, L)
        lengths = np.asarray(obs["attention_mask"]).reshape(self.n_envs, -1).sum(1, dtype=np.int64)  # (E,)
        starts = np.asarray(episode_start, dtype=bool)
        if self.pos == 0:
            self._meet(signer(value))
            self._check_whole_steps(starts)
            starts = np.ones(self.n_envs, dtype=bool)
            self._open = [Fragment(env, 0, np.empty(0)) for env in range(self.n_envs)]
        for env in np.flatnonzero(starts):
            self._open[env] = Fragment(int(env), self.pos, input_ids[env, : lengths[env]].copy())
            self.fragments.append(self._open[env])
        if self.pos > 0:
            self._check_append_only(input_ids, lengths, starts)
        self._lengths = lengths
        self.actions[self.pos] = action.reshape(self.n_envs)
        self.rewards[self.pos] = reward
        self.episode_starts[self.pos] = episode_start
        self.values[self.pos] = value.detach().cpu().numpy().reshape(self.n_envs)
        self.log_probs[self.pos] = log_prob.detach().cpu().numpy().reshape(self.n_envs)
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def _check_whole_steps(self, starts: np.ndarray) -> None:
        """Refuse to go on where an episode that ends at the next step would be learned from without its last token."""
        if self._cut_short and not starts.all():
            raise ConfigurationError(
                "The rollout before this one was stopped in the middle of a step, by an interrupt or a callback. "
                f"{BEGIN_ANEW}."
            )
        self._cut_short = False

    def _check_append_only(self, input_ids: np.ndarray, lengths: np.ndarray, starts: np.ndarray) -> None:
        last = input_ids[np.arange(self.n_envs), lengths - 1]
        wrong = ~starts & ((lengths != self._lengths + 1) | (last != self.actions[self.pos - 1]))
        if wrong.any():
            env = int(wrong.argmax())
            remedy = (
                "SequenceRolloutBuffer needs observations that only grow; for an environment that rewrites its texts, "
                "and pads them on the right, use SB3's DictRolloutBuffer."
            )
            if self.pos == 1:
                remedy = f"If learn was stopped in the middle of a step: {BEGIN_ANEW}. Otherwise: {remedy}"
            raise ConfigurationError(
                f"Environment {env}: the observation of step {self.pos} is not the one before it plus the action "
                f"{self.actions[self.pos - 1, env]}. {remedy}"
            )

    def _meet(self, policy: TransformerPolicy | None) -> None:
        """Take note of the policy whose rollout begins, and load the reference that its divergence is measured from."""
        if policy is None:
            raise ConfigurationError(
                "SequenceRolloutBuffer yields packed texts, which only TransformerPolicy reads, and the policy that "
                "acts here is another. Use TransformerPolicy, or leave out rollout_buffer_class: SB3's own "
                "DictRolloutBuffer suits every policy."
            )
        self.policy = policy
        if self.kl is not None and self._reference is None:
            self._reference = policy.reference(self.reference_name)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray) -> None:
        """Price the divergence, whiten the rewards if asked, then SB3's generalised advantage estimation.

        It may be called again, with another ``gae_lambda`` or ``gamma``: a rollout is priced once.
        """
        if not self._rewards_are_priced:
            self._price(dones)
            self._rewards_are_priced = True
        super().compute_returns_and_advantage(last_values, dones)
        if self.value_lambda is not None:
            advantages, gae_lambda = self.advantages.copy(), self.gae_lambda
            self.gae_lambda = self.value_lambda
            super().compute_returns_and_advantage(last_values, dones)
            self.advantages, self.gae_lambda = advantages, gae_lambda
        if self.whiten_advantages:
            self.advantages = (self.advantages - self.advantages.mean()) / (self.advantages.std() + 1e-8)

    def _price(self, dones: np.ndarray) -> None:
        assert self.policy is not None
        for fragment in self.fragments:
            fragment.stop = self.buffer_size
        for fragment, following in self._successive():
            fragment.stop = following.start
        began = time.perf_counter()
        if self.policy.recomputes_log_probs:
            self.log_probs = self.log_probs_of(self.policy.log_prob)
        self.environment_rewards = self.rewards
        self.reference_log_probs = self.log_probs
        if self.kl is not None:
            self.reference_log_probs = self.log_probs_of(self._reference_log_prob)
            difference = self.log_probs - self.reference_log_probs
            self.rewards = self.rewards - self.kl.beta * difference
            self.beta = self.kl.beta  # the price that this rollout paid, before it is adapted
            self.kl_per_completion = self._kl_of_ended(difference, dones)
            if self.kl_per_completion is not None:
                self.kl.update(self.kl_per_completion)
        self.reference_seconds = time.perf_counter() - began
        if self.whiten_rewards:
            self.rewards = self.rewards / (self.rewards.std() + 1e-8)

    def _kl_of_ended(self, log_ratio: np.ndarray, dones: np.ndarray) -> float | None:
        """Mean divergence in nats of the episodes that ended, with what earlier rollouts hold of them."""
        self._unfinished_kl[self.episode_starts[0].astype(bool)] = 0.0
        ended: list[float] = []
        for step, ends in enumerate([*self.episode_starts[1:].astype(bool), np.asarray(dones, dtype=bool)]):
            self._unfinished_kl += log_ratio[step]
            ended += self._unfinished_kl[ends].tolist()
            self._unfinished_kl[ends] = 0.0
        return float(np.mean(ended)) if ended else None

    def _successive(self) -> list[tuple[Fragment, Fragment]]:
        by_env: dict[int, list[Fragment]] = {}
        for fragment in self.fragments:
            by_env.setdefault(fragment.env, []).append(fragment)
        return [pair for column in by_env.values() for pair in pairwise(column)]

    # ------------------------------------------------------------------ minibatches

    def get(self, batch_size: int | None = None) -> Generator[DictRolloutBufferSamples, None, None]:  # type: ignore[override]
        """Yield minibatches of whole fragments in a random order.

        Args:
            batch_size: Timesteps that a minibatch comes close to; None yields one batch.

        Yields:
            ``observations`` is a `textgym.models.PackedBatch`, which `TransformerPolicy` reads; the other fields are
            1-D and hold each of its timesteps once, in its order.
        """
        assert self.full, "the buffer yields only whole rollouts"
        total = self.buffer_size * self.n_envs
        order = np.random.permutation(len(self.fragments))  # noqa: NPY002 - SB3's generator, which it seeds
        n_batches = 1 if batch_size is None else max(1, round(total / batch_size))
        for chosen in self._split([self.fragments[i] for i in order], n_batches):
            yield self._samples(chosen)

    @staticmethod
    def _split(fragments: list[Fragment], n_batches: int) -> list[list[Fragment]]:
        """Cut a sequence of fragments into batches of nearly equal numbers of timesteps: no small tail."""
        ends = np.cumsum([len(fragment) for fragment in fragments])
        middles = ends - np.array([len(fragment) for fragment in fragments]) / 2
        batch = np.minimum((middles * n_batches / ends[-1]).astype(int), n_batches - 1)
        groups = [[fragments[i] for i in np.flatnonzero(batch == b)] for b in range(n_batches)]
        return [group for group in groups if group]  # a fragment longer than a batch leaves one empty

    def _pack(self, fragments: list[Fragment]) -> tuple[PackedBatch, np.ndarray, np.ndarray]:
        """The fragments' texts, and the step and the environment of each of their timesteps, (N,) each."""
        # the last action's own token is never read
        texts = [np.concatenate([f.prefix, self.actions[f.start : f.stop - 1, f.env]]) for f in fragments]
        timesteps = [range(len(f.prefix) - 1, len(text)) for f, text in zip(fragments, texts, strict=True)]
        steps = np.concatenate([np.arange(f.start, f.stop) for f in fragments])
        envs = np.repeat([f.env for f in fragments], [len(f) for f in fragments])
        return pack(texts, timesteps, self.device), steps, envs

    def _samples(self, fragments: list[Fragment]) -> DictRolloutBufferSamples:
        batch, steps, envs = self._pack(fragments)
        names = ("actions", "values", "log_probs", "advantages", "returns")
        flat = [self.to_torch(getattr(self, name)[steps, envs]) for name in names]  # (N,) each
        observations: Any = batch  # SB3 hands them to the policy as they are
        return DictRolloutBufferSamples(observations, *flat)

    def approx_kl(self) -> float:
        """Divergence of the rollout's policy from the policy as it is now, in nats per token.

        Estimated on the rollout's own tokens (k3 of Schulman, 2020, "Approximating KL Divergence"): never negative, 0
        before the first update, infinite rather than too large for a float.
        """
        assert self.policy is not None
        log_ratio = (self.log_probs_of(self.policy.log_prob) - self.log_probs).astype(np.float64)  # (T, E)
        with np.errstate(over="ignore"):
            return float((np.exp(log_ratio) - 1 - log_ratio).mean())

    def full_kl(self, n_fragments: int) -> float:
        """Exact divergence of the policy from the reference, in nats per token, on the first fragments."""
        assert self.policy is not None and self._reference is not None
        return full_kl(self.policy, self._reference, self._pack(self.fragments[:n_fragments])[0])

    def log_probs_of(self, log_prob: Callable[[PackedBatch, torch.Tensor], torch.Tensor]) -> np.ndarray:
        """Log-probabilities of the stored actions under ``log_prob(batch, actions)``, (buffer_size, n_envs)."""
        result = np.zeros_like(self.log_probs)
        total = self.buffer_size * self.n_envs
        by_length = sorted(self.fragments, key=lambda f: len(f.prefix) + len(f))  # little padding
        for chosen in self._split(by_length, max(1, round(total / REFERENCE_BATCH))):
            batch, steps, envs = self._pack(chosen)
            actions = torch.as_tensor(self.actions[steps, envs], device=self.device)
            result[steps, envs] = log_prob(batch, actions).cpu().numpy()
        return result

    def _reference_log_prob(self, batch: PackedBatch, actions: torch.Tensor) -> torch.Tensor:
        assert self.policy is not None and self._reference is not None
        # as the policy computes its own, so that equal weights diverge by exactly 0
        return self._reference.log_prob(batch, actions, self.policy.temperature, self.policy.compute_dtype)


@torch.no_grad()
def full_kl(policy: TransformerPolicy, reference: Reference, batch: PackedBatch) -> float:
    """Exact divergence of a policy from a reference, in nats per token, at a batch's timesteps."""
    distribution: Any = policy.get_distribution(batch).distribution
    own = distribution.logits  # (N, V), normalised
    other = reference.log_probs_of_vocabulary(batch, policy.temperature, policy.compute_dtype)
    difference = (own - other).nan_to_num(0.0, 0.0, 0.0)  # of tokens that a mask forbids, which add nothing
    return float((own.exp() * difference).sum(1).mean())

"""What `textgym.checks.doctor` examines, in one form: who writes tokens, who says how likely they are, who learns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.utils import obs_as_tensor

from textgym.errors import ConfigurationError, shown
from textgym.sb3 import EpisodeAlgorithm, KLControl, SequenceRolloutBuffer, TextVecEnv, TransformerPolicy
from textgym.sb3.losses import token_weights

Texts = Sequence[Sequence[int]]
Sample = Callable[[Texts, int], tuple[list[list[int]], list[Any]]]
LogProb = Callable[[Texts, Texts], list[Any]]
MOVE = 0.05  # of a weight's standard deviation, by which it is moved for the second look
CHUNK = 256  # timesteps of one forward pass of the slow path


@dataclass(frozen=True)
class Patient:
    """Somebody who writes tokens and says how likely they were and, if it is a model of SB3, how it learns.

    Attributes:
        env_id: The environment.
        prompts: The token ids of its prompts.
        vocab_size: V.
        eos_token_ids: The tokens that end a completion.
        sample: See `textgym.checks.doctor.examine`; None if it cannot be asked.
        log_prob: See there; None if it cannot be asked.
        model: A PPO, A2C or `EpisodeAlgorithm` that has learned nothing yet; None if it learns in another way.
        make_agent: As in a file of ``agents``; None if there is none.
    """

    env_id: str
    prompts: Texts
    vocab_size: int
    eos_token_ids: Sequence[int]
    sample: Sample | None = None
    log_prob: LogProb | None = None
    model: Any = None
    make_agent: Callable[..., Any] | None = None

    @cached_property
    def first_look(self) -> Look:
        """At a model that has learned nothing."""
        return Look(self.model, moved=False)

    @cached_property
    def second_look(self) -> Look:
        """At a model whose weights were moved at random: it diverges from its reference, and its critic an opinion."""
        return Look(self.model, moved=True)


def patient(what: Any, env_id: str) -> Patient:
    """Bring what is to be examined into one form; the arguments are those of `textgym.checks.doctor.examine`."""
    env: Any = gym.make(env_id).unwrapped
    prompts = [env.prompt_ids(index) for index in range(min(len(env.prompts), 64))]
    eos = tuple(env.tokenizer.eos_token_ids)
    facts: dict[str, Any] = {"env_id": env_id, "prompts": prompts, "vocab_size": env.tokenizer.vocab_size}
    facts["eos_token_ids"] = eos
    if isinstance(what, BaseAlgorithm):
        return Patient(**facts, **_of_model(what, eos))
    if isinstance(what, type) and issubclass(what, ActorCriticPolicy):
        return Patient(**facts, **_of_model(_in_ppo(what, env_id, env.tokenizer.name), eos))
    if isinstance(what, tuple) and len(what) == 2 and all(callable(each) for each in what):
        return Patient(**facts, sample=what[0], log_prob=what[1])
    if callable(what):
        agent = what(env_id, seed=0, total_tokens=1, **_without_learning(what))
        model = getattr(agent, "model", None)
        own = _of_model(model, eos) if isinstance(model, BaseAlgorithm) else {}
        return Patient(**facts, **own, make_agent=what)
    raise ConfigurationError(
        f"{shown(what)} cannot be examined. Give a model of SB3, a policy class, an agent's make_agent, or a tuple of "
        "two functions (sample, log_prob)."
    )


def _without_learning(make_agent: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(make_agent).parameters.values()
    takes_more = any(each.kind is each.VAR_KEYWORD or each.name == "learning_rate" for each in parameters)
    return {"learning_rate": 0.0} if takes_more else {}


def _in_ppo(policy: type[ActorCriticPolicy], env_id: str, tokenizer: str) -> PPO:
    """A policy class in PPO; one of ours with the buffer that is made for it, and a price on divergence."""
    own: dict[str, Any] = {}
    if issubclass(policy, TransformerPolicy):
        own = {
            "policy_kwargs": {"model": tokenizer},
            "rollout_buffer_class": SequenceRolloutBuffer,
            "rollout_buffer_kwargs": {"kl": KLControl(0.1)},
        }
    return PPO(
        policy, TextVecEnv(env_id, 16), n_steps=16, batch_size=64, n_epochs=2, gamma=1.0, seed=0, device="cpu", **own
    )


def _of_model(model: Any, eos_token_ids: Sequence[int]) -> dict[str, Any]:
    """A `Patient`'s functions and its model, as far as they can be asked."""
    if set(inspect.signature(model.policy.forward).parameters) - {"obs", "deterministic"}:
        return {}  # it chooses by masks or by what it remembers, which observations do not tell
    writer = Writer(model.policy, eos_token_ids)
    learns = isinstance(model, PPO | A2C | EpisodeAlgorithm)
    return {"sample": writer.sample, "log_prob": writer.log_prob, "model": model if learns else None}


class Writer:
    """A policy of SB3 as two functions of token ids.

    Args:
        policy: The policy.
        eos_token_ids: The tokens that end a completion.
    """

    def __init__(self, policy: Any, eos_token_ids: Sequence[int] = ()) -> None:
        self.policy, self.eos_token_ids = policy, set(eos_token_ids)
        (self.width,) = policy.observation_space["input_ids"].shape

    def observations(self, texts: Texts) -> Any:
        """Texts as the environment shows them, (n, L)."""
        lengths = np.array([len(text) for text in texts])
        mask = np.arange(self.width) < lengths[:, None]
        input_ids = np.zeros(mask.shape, np.int64)
        input_ids[mask] = [token for text in texts for token in text]
        return obs_as_tensor({"input_ids": input_ids, "attention_mask": mask.astype(np.int8)}, self.policy.device)

    @torch.no_grad()
    def sample(self, prompts: Texts, max_new_tokens: int) -> tuple[list[list[int]], list[list[float]]]:
        """Completions, each with its EOS, and the log-probabilities of their tokens, as a rollout has them."""
        self.policy.set_training_mode(False)
        completions: list[list[int]] = [[] for _ in prompts]
        log_probs: list[list[float]] = [[] for _ in prompts]
        for n_written in range(max_new_tokens):
            texts = [[*prompt, *text[:n_written]] for prompt, text in zip(prompts, completions, strict=True)]
            actions, _, log_prob = self.policy(self.observations(texts))
            for row, (token, value) in enumerate(zip(actions.tolist(), log_prob.tolist(), strict=True)):
                if not self.eos_token_ids & {*completions[row]}:
                    completions[row].append(token)
                    log_probs[row].append(value)
        return completions, log_probs

    def log_prob(self, prompts: Texts, completions: Texts) -> list[torch.Tensor]:
        """Log-probabilities of the completions' tokens in training mode: each from an observation of its own."""
        self.policy.set_training_mode(True)
        pairs = zip(prompts, completions, strict=True)
        texts = [[*prompt, *completion[:t]] for prompt, completion in pairs for t in range(len(completion))]
        tokens = torch.tensor([token for completion in completions for token in completion])
        flat = self.policy.evaluate_actions(self.observations(texts), tokens.to(self.policy.device))[1]
        return list(flat.split([len(completion) for completion in completions]))


@dataclass
class Rollout:
    """The N tokens of a rollout, one completion after another, and what the algorithm makes of them.

    Attributes:
        texts: What each token was chosen after.
        tokens: Int64 (N,).
        completion: Which completion each is of, int64 (N,).
        scores: What the environment gave for each completion, NaN for those that go on after the rollout.
        kept: Which tokens are to be trained on, bool (N,).
        columns: Arrays (N,), those that there are: ``log_prob``, ``reference``, ``advantage``; of PPO and A2C
            also ``score``, which the environment paid for the token, ``reward``, with the price of divergence,
            ``value`` and ``return``.
    """

    texts: list[list[int]]
    tokens: np.ndarray
    completion: np.ndarray
    scores: np.ndarray
    kept: np.ndarray
    columns: dict[str, np.ndarray]

    def each(self) -> Iterator[np.ndarray]:
        """The tokens of each finished completion."""
        for number in np.flatnonzero(~np.isnan(self.scores)):
            yield np.flatnonzero(self.completion == number)


class Look(BaseCallback):
    """What one rollout shows, and the update behind it with a learning rate of 0; the model is left as it was.

    Args:
        model: A PPO, A2C or `EpisodeAlgorithm`.
        moved: Whether its weights are moved at random before, and the update made of one step, whose gradients are not
            clipped and, where the algorithm adds them up over parts, added up over many.

    Attributes:
        rollout: The rollout; its column ``start`` has the log-probabilities of the policy before it was moved.
        beta: The price of divergence, None without.
        ratio: The probabilities of the first minibatch as training computes them, divided by the rollout's.
        trained: The tokens that were evaluated, over all epochs.
        steps: Of the optimiser.
        gradient: Of its first step, flat.
        slow_gradient: The same by the slow path; None if there is none.
        change: The greatest that a weight made.
    """

    rollout: Rollout
    ratio: torch.Tensor
    gradient: torch.Tensor
    slow_gradient: torch.Tensor | None = None
    beta: float | None = None

    def __init__(self, model: Any, moved: bool) -> None:
        super().__init__()
        self.moved, self.trained, self.steps = moved, list[int](), 0
        self._seen: list[tuple[Any, ...]] = []
        with undisturbed(model):
            self._start = deepcopy(model.policy.state_dict())
            if moved:
                _move(model)
            weights = [parameter.detach().clone() for parameter in model.policy.parameters()]
            hook = model.policy.optimizer.register_step_pre_hook(self._on_optimizer_step)
            try:
                model.learn(1, callback=self, log_interval=None)
            finally:
                hook.remove()
            pairs = zip(model.policy.parameters(), weights, strict=True)
            self.change = max(float((now - before).detach().abs().max()) for now, before in pairs)
            self.n_epochs = getattr(model, "n_epochs", 1)
            self.promised_steps = self.n_epochs * self._minibatches(model)

    def _minibatches(self, model: Any) -> int:
        n, size = len(self.rollout.tokens), getattr(model, "batch_size", None)
        if isinstance(model, EpisodeAlgorithm):
            n = len(model.rollout_buffer.kept)
        if size is None:
            return 1
        return max(1, round(n / size)) if isinstance(model.rollout_buffer, SequenceRolloutBuffer) else -(-n // size)

    def _on_step(self) -> bool:
        local = self.locals
        if not isinstance(self.model, EpisodeAlgorithm):
            texts = [
                row[: int(mask.sum())].tolist()
                for row, mask in zip(
                    *(local["obs_tensor"][key] for key in ("input_ids", "attention_mask")), strict=True
                )
            ]
            scores = [
                info["episode"]["r"] if done else np.nan
                for info, done in zip(local["infos"], local["dones"], strict=True)
            ]
            self._seen.append((texts, np.asarray(local["actions"]).flatten(), local["dones"].copy(), scores))
        return True

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        if isinstance(model, EpisodeAlgorithm):
            self.rollout, self.beta = _of_episodes(model.rollout_buffer), model.rollout_buffer.beta
            if model.kl is None:
                self.beta = None
        else:
            self.rollout = _of_steps(self._seen, model.rollout_buffer)
            kl = getattr(model.rollout_buffer, "kl", None)
            self.beta = None if kl is None else model.rollout_buffer.beta
        model.policy.set_training_mode(True)
        with torch.no_grad():
            self.ratio = _first_ratio(model)
            self.rollout.columns["start"] = _log_prob_of(model.policy, self._start, self.rollout)
        if self.moved:
            self.slow_gradient = _slow_gradient(model, self.rollout)
        evaluate = model.policy.evaluate_actions

        def noted(obs: Any, actions: torch.Tensor) -> Any:
            if torch.is_grad_enabled():  # not to look at what was done, as trust regions do
                self.trained += actions.flatten().long().tolist()
            return evaluate(obs, actions)

        model.policy.evaluate_actions = noted

    def _on_training_end(self) -> None:
        model: Any = self.model
        del model.policy.evaluate_actions  # the class's own again

    def _on_optimizer_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if not self.steps:
            self.gradient = flat_gradient(self.model.policy)
        self.steps += 1


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Inside, a model learns with a rate of 0 and logs nothing; afterwards it is as it was, but random generators."""
    kl = getattr(model, "kl", None) or getattr(model.rollout_buffer, "kl", None)
    beta = None if kl is None else kl.beta
    weights, optimizer = deepcopy(model.policy.state_dict()), deepcopy(model.policy.optimizer.state_dict())
    names = ("lr_schedule", "verbose", "tensorboard_log", "num_timesteps", "batch_size", "n_epochs", "max_grad_norm",
             "micro_batch_tokens", "_n_updates")  # fmt: skip
    before = {name: getattr(model, name) for name in names if hasattr(model, name)}
    model.lr_schedule, model.verbose, model.tensorboard_log = _zero, 0, None
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(model, name, value)
        model.policy.load_state_dict(weights)
        model.policy.optimizer.load_state_dict(optimizer)
        if kl is not None:
            kl.beta = beta


def _zero(_: float) -> float:
    return 0.0


@torch.no_grad()
def _move(model: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    for parameter in model.policy.parameters():
        if parameter.requires_grad:
            spread = MOVE * float(parameter.std()) if parameter.numel() > 1 else 0.0
            noise = torch.randn(parameter.shape, generator=generator).to(parameter)
            parameter.add_(noise * (spread or MOVE))  # a critic of zeros gets opinions, too
    model.max_grad_norm = 1e9
    if hasattr(model, "n_epochs"):
        model.n_epochs = 1
    if isinstance(model, PPO):
        model.batch_size = model.n_steps * model.n_envs
    if isinstance(model, EpisodeAlgorithm):
        model.batch_size, model.micro_batch_tokens = None, 1  # a forward pass for each completion


def _of_steps(seen: Sequence[tuple[Any, ...]], buffer: Any) -> Rollout:
    """From what a callback saw, and a buffer of SB3, whose arrays are (n_steps, n_envs)."""
    texts, actions, dones, scores = zip(*seen, strict=True)
    ends = np.array(dones).T  # (E, T), as all below
    after = np.hstack([np.zeros((len(ends), 1), bool), ends[:, :-1]])
    begins = after.copy()
    begins[:, 0] = True
    completion = begins.flatten().cumsum() - 1  # (N,)
    of_completion = np.full(completion[-1] + 1, np.nan)
    of_completion[completion[ends.flatten()]] = np.array(scores).T[ends]
    names = {"score": "environment_rewards", "reward": "rewards", "value": "values", "return": "returns",
             "advantage": "advantages", "log_prob": "log_probs", "reference": "reference_log_probs"}  # fmt: skip
    arrays = {name: getattr(buffer, key, buffer.rewards) for name, key in names.items()}
    if not hasattr(buffer, "reference_log_probs"):
        del arrays["reference"]
    columns = {
        name: np.array(array, np.float64).reshape(ends.shape[::-1]).T.flatten() for name, array in arrays.items()
    }
    rows = [list(text) for column in zip(*texts, strict=True) for text in column]
    kept = np.ones(len(rows), bool)
    return Rollout(rows, np.array(actions).T.flatten(), completion, of_completion, kept, columns)


def _of_episodes(completions: Any) -> Rollout:
    """From the completions of an `EpisodeAlgorithm`."""
    texts, tokens = [], []
    for episode, length in zip(completions.episodes, completions.lengths, strict=True):
        text = episode.tokens.tolist()
        texts += [text[:t] for t in range(len(text) - length, len(text))]
        tokens += text[len(text) - length :]
    columns = {"advantage": completions.advantages, "log_prob": completions.log_probs,
               "reference": completions.reference_log_probs}  # fmt: skip
    completion = np.repeat(np.arange(len(completions.lengths)), completions.lengths)
    scores = np.array([episode.score for episode in completions.episodes])
    doubles = {name: np.asarray(array).astype(np.float64) for name, array in columns.items()}
    return Rollout(texts, np.array(tokens), completion, scores, np.isin(completion, completions.kept), doubles)


def _first_ratio(model: Any) -> torch.Tensor:
    """Of the probabilities that training computes to those of the rollout, of the first minibatch, (n,)."""
    policy, buffer = model.policy, model.rollout_buffer
    if isinstance(model, EpisodeAlgorithm):
        now = buffer.log_probs_of(lambda batch, tokens: policy.evaluate_actions(batch, tokens)[1])
        return torch.as_tensor(now - buffer.log_probs).exp()
    batch = next(iter(buffer.get(getattr(model, "batch_size", None))))
    log_prob = policy.evaluate_actions(batch.observations, batch.actions.long().flatten())[1]
    return (log_prob - batch.old_log_prob).exp()


def _log_prob_of(policy: Any, weights: dict[str, Any], rollout: Rollout) -> np.ndarray:
    """Of a rollout's tokens under other weights, float64 (N,)."""
    own = deepcopy(policy.state_dict())
    policy.load_state_dict(weights)
    told = Writer(policy).log_prob(rollout.texts, rollout.tokens[:, None].tolist())
    policy.load_state_dict(own)
    return torch.cat(told).double().cpu().numpy()


def flat_gradient(policy: torch.nn.Module) -> torch.Tensor:
    """Of what is trained, as one vector in float64."""
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in trained]
    return torch.cat([grad.detach().double().flatten() for grad in grads])


def _slow_gradient(model: Any, rollout: Rollout) -> torch.Tensor | None:
    """The gradient of the published loss where ratios are 1, each timestep read by itself; None of losses beyond it."""
    weights, value_weight, entropy_weight = _weights(model, rollout)
    if weights is None:
        return None
    policy, n, writer = model.policy, len(rollout.tokens), Writer(model.policy)
    policy.zero_grad()
    for begin in range(0, n, CHUNK):
        part = slice(begin, begin + CHUNK)
        tokens = torch.as_tensor(rollout.tokens[part], device=policy.device)
        values, log_prob, entropy = policy.evaluate_actions(writer.observations(rollout.texts[part]), tokens)
        loss = -(torch.as_tensor(weights[part]).to(log_prob) * log_prob).sum()
        if value_weight:
            error = torch.as_tensor(rollout.columns["return"][part]).to(values) - values.flatten()
            loss = loss + value_weight * error.pow(2).sum() / n
        if entropy_weight:
            loss = loss - entropy_weight * entropy.sum() / n
        loss.backward()
    gradient = flat_gradient(policy)
    policy.zero_grad()
    return gradient


def _weights(model: Any, rollout: Rollout) -> tuple[np.ndarray | None, float, float]:
    """What each token's log-probability weighs in the objective, (N,), and the weights of critic and entropy."""
    advantages, n = rollout.columns["advantage"], len(rollout.tokens)
    if not isinstance(model, EpisodeAlgorithm):
        if model.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std(ddof=1) + 1e-8)
        return advantages / n, model.vf_coef, model.ent_coef
    if model.ratio != "token" or not model.kl_in.startswith("reward"):
        return None, 0.0, 0.0
    kept, lengths = model.rollout_buffer.kept, np.bincount(rollout.completion)
    weights = np.zeros(len(lengths))
    if len(kept):
        weights[kept] = token_weights(torch.as_tensor(lengths[kept]), model.aggregation, model.rollout_buffer.longest)
    return advantages * weights[rollout.completion], 0.0, 0.0

"""Exact answers for tasks whose completions can all be enumerated: the optimum, values, advantages, gradients.

The objective of reinforcement learning against a reference is, for a prompt and a policy pi (N. Stiennon et al., 2020,
Learning to summarize from human feedback),

    J(pi) = E[r] - beta KL(pi || pi_ref),

the expectation over all completions. Its optimum is known (R. Rafailov et al., 2023, Direct Preference Optimization,
equation 4): pi* = pi_ref exp(r / beta) / Z, where J(pi*) = beta log Z. Here the expectations are sums over the
completions themselves, in float64, and every function of them is differentiable with respect to the policy.

A policy is a table of log-probabilities (P, M, V): after each of P prompts and M prefixes of completions, of every one
of V tokens. `Solvable.tabulate` makes one of anything that tells log-probabilities, with gradients if it has them.

>>> from textgym.checks import exact
>>> from textgym.models import CausalLM
>>> task = exact.Solvable.of("TextGen-Solvable-v0", beta=0.1, max_new_tokens=2)
>>> policy = task.tabulate(exact.log_probs_of(CausalLM.load("textgym-letters")))
>>> f"{task.regret(policy):.3f}, {abs(task.regret(task.optimal_policy())):.3f}"
'1.000, 0.000'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from textgym.data.datasets import RowNames
from textgym.envs.text_env import TextGenEnv
from textgym.errors import ConfigurationError
from textgym.models.causal_lm import CausalLM
from textgym.models.packing import PackedBatch, pack

MOST = 2_000_000  # completions of all prompts, which take some hundred megabytes
LEAST = -1e6  # log-probability of a token that a policy forbids: a probability of 0, and 0 times it is 0
LogProbs = Callable[[PackedBatch], torch.Tensor]  # of a batch's N timesteps, normalised, (N, V)


@dataclass(frozen=True)
class Enumeration:
    """All that can be written in T tokens of a vocabulary of V: what ends with EOS, and what is T tokens long.

    A prefix is what can be written without ending, 0 to T - 1 tokens; there are M.

    Attributes:
        tokens: Token ids, int64 (N, T); 0 behind the end.
        written: Which of them are written, an EOS among them, bool (N, T).
        prefix: After which prefix each was chosen, int64 (N, T); 0, which is the empty one, behind the end.
        prefixes: The tokens of each prefix, shortest first; M of them.
        vocab_size: V.
        eos_token_ids: The tokens that end a completion.
    """

    tokens: torch.Tensor
    written: torch.Tensor
    prefix: torch.Tensor
    prefixes: Sequence[tuple[int, ...]]
    vocab_size: int
    eos_token_ids: tuple[int, ...]

    def __len__(self) -> int:
        """N."""
        return len(self.tokens)

    @property
    def ids(self) -> list[list[int]]:
        """The tokens of each, without an EOS at its end, as reward functions get them."""
        rows = zip(self.tokens.tolist(), self.written.sum(1).tolist(), strict=True)
        written = [tokens[:length] for tokens, length in rows]
        return [tokens[:-1] if tokens[-1] in self.eos_token_ids else tokens for tokens in written]


def enumerate_completions(vocab_size: int, eos_token_ids: Sequence[int], max_new_tokens: int) -> Enumeration:
    """Enumerate all that can be written.

    Args:
        vocab_size: V.
        eos_token_ids: The tokens that end a completion.
        max_new_tokens: T.

    >>> every = enumerate_completions(vocab_size=3, eos_token_ids=[0], max_new_tokens=2)
    >>> every.ids
    [[], [1], [1, 1], [1, 2], [2], [2, 1], [2, 2]]
    >>> list(every.prefixes)
    [(), (1,), (2,)]
    """
    going_on = [token for token in range(vocab_size) if token not in eos_token_ids]
    levels: list[list[tuple[int, ...]]] = [[()]]
    while len(levels) < max_new_tokens:
        levels.append([(*prefix, token) for prefix in levels[-1] for token in going_on])
    ended = [(*prefix, eos) for level in levels for prefix in level for eos in eos_token_ids]
    every = sorted([*ended, *((*prefix, token) for prefix in levels[-1] for token in going_on)])
    prefixes = [prefix for level in levels for prefix in level]
    number = {prefix: i for i, prefix in enumerate(prefixes)}
    shape = (len(every), max_new_tokens)
    tokens, written, prefix = np.zeros(shape, np.int64), np.zeros(shape, bool), np.zeros(shape, np.int64)
    for i, text in enumerate(every):
        tokens[i, : len(text)], written[i, : len(text)] = text, True
        prefix[i, : len(text)] = [number[text[:t]] for t in range(len(text))]
    return Enumeration(
        tokens=torch.as_tensor(tokens),
        written=torch.as_tensor(written),
        prefix=torch.as_tensor(prefix),
        prefixes=prefixes,
        vocab_size=vocab_size,
        eos_token_ids=tuple(eos_token_ids),
    )


@dataclass(frozen=True)
class Solvable:
    """A task with a reference policy and a price on divergence from it.

    Attributes:
        completions: All N that can be written.
        prompts: The token ids of each of P prompts, which are equally frequent.
        rewards: Float64 (P, N).
        reference: The reference policy's table, float64 (P, M, V).
        beta: Reward per nat of divergence, positive.
    """

    completions: Enumeration
    prompts: Sequence[Sequence[int]]
    rewards: torch.Tensor
    reference: torch.Tensor
    beta: float

    @classmethod
    def of(cls, env_id: str, *, beta: float, reference: str | None = None, **env_kwargs: Any) -> Solvable:
        """The task of an environment: every prompt of its split, every completion scored as the environment scores it.

        Args:
            env_id: A registered id.
            beta: Reward per nat of divergence.
            reference: The reference model's name; None for the one that the tokenizer is named after.
            **env_kwargs: Keywords of the environment.

        Raises:
            ConfigurationError: There are too many completions, or beta is not positive.
        """
        if not beta > 0:
            raise ConfigurationError(f"beta={beta}: without a price on divergence the best policy is not unique.")
        env: Any = gym.make(env_id, **env_kwargs).unwrapped
        tokenizer, limit, n_prompts = env.tokenizer, env.config.max_new_tokens, len(env.prompts)
        n_going_on = tokenizer.vocab_size - len(tokenizer.eos_token_ids)
        if (number := n_prompts * n_going_on**limit) > MOST:
            raise ConfigurationError(
                f"{env_id} has more than {float(number):.1g} completions, and at most {MOST:,} can be enumerated: "
                "give it fewer max_new_tokens, fewer prompts, or a smaller vocabulary."
            )
        every = enumerate_completions(tokenizer.vocab_size, tokenizer.eos_token_ids, limit)
        prompts = [env.prompt_ids(index) for index in range(n_prompts)]
        rewards = torch.as_tensor(np.array([_scores(env, index, every.ids) for index in range(n_prompts)]))
        empty = torch.zeros(n_prompts, len(every.prefixes), tokenizer.vocab_size, dtype=torch.float64)
        unpriced = cls(every, prompts, rewards, empty, float(beta))
        model = CausalLM.load(reference or tokenizer.name)
        return replace(unpriced, reference=unpriced.tabulate(log_probs_of(model)).detach())

    def tabulate(self, log_probs: LogProbs, device: torch.device | str = "cpu") -> torch.Tensor:
        """A policy's table, float64 (P, M, V), with gradients if what it is made of has them.

        Args:
            log_probs: Tells normalised log-probabilities (N, V) at a batch's timesteps, see `log_probs_of`; of a policy
                of `textgym.sb3` these are ``policy.get_distribution(batch).distribution.logits``.
            device: Where it wants the batch.
        """
        prefixes = self.completions.prefixes
        longest = [prefix for prefix in prefixes if len(prefix) == len(prefixes[-1])]
        number = {prefix: i for i, prefix in enumerate(prefixes)}
        texts, timesteps, order = [], [], []
        told: set[tuple[int, tuple[int, ...]]] = set()
        for p, prompt in enumerate(self.prompts):
            first = len(prompt)
            for text in longest:  # one forward tells of all prefixes that it begins with
                new = [t for t in range(len(text) + 1) if (p, text[:t]) not in told]
                told.update((p, text[:t]) for t in new)
                texts.append(np.array([*prompt, *text]))
                timesteps.append(range(first - 1 + new[0], first + len(text)))
                order += [p * len(prefixes) + number[text[:t]] for t in new]
        batch = pack(texts, timesteps, device, share_rows=False)
        told_log_probs = log_probs(batch).double().cpu().clamp_min(LEAST)  # (P * M, V), in another order
        return told_log_probs[torch.as_tensor(order).argsort()].view(len(self.prompts), len(prefixes), -1)

    # ------------------------------------------------------------------ completions under a policy

    def token_log_probs(self, policy: torch.Tensor) -> torch.Tensor:
        """Of each token of each completion, (P, N, T); 0 behind its end."""
        chosen = policy[:, self.completions.prefix, self.completions.tokens]
        return torch.where(self.completions.written, chosen, 0.0)

    def probs(self, policy: torch.Tensor) -> torch.Tensor:
        """Of each completion, (P, N)."""
        return self.token_log_probs(policy).sum(2).exp()

    def visits(self, policy: torch.Tensor) -> torch.Tensor:
        """How likely a completion goes through each prefix, (P, M)."""
        probs = self.probs(policy)[:, :, None]  # (P, N, 1)
        return self.sum_by_action(probs * self.completions.written).sum(2)

    def expectation(self, policy: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """The mean over prompts and completions of values (P, N)."""
        return (self.probs(policy) * values).sum(1).mean()

    def reward(self, policy: torch.Tensor) -> torch.Tensor:
        """E[r]."""
        return self.expectation(policy, self.rewards)

    def log_ratios(self, policy: torch.Tensor) -> torch.Tensor:
        """The log-probabilities' differences, log pi - log pi_ref, of each token, (P, N, T)."""
        return self.token_log_probs(policy) - self.token_log_probs(self.reference)

    def kl(self, policy: torch.Tensor) -> torch.Tensor:
        """KL(pi || pi_ref) of whole completions, in nats, the mean over prompts."""
        return self.expectation(policy, self.log_ratios(policy).sum(2))

    def objective(self, policy: torch.Tensor) -> torch.Tensor:
        """J(pi) = E[r] - beta KL; its ``backward()`` gives the exact gradient."""
        return self.reward(policy) - self.beta * self.kl(policy)

    def gradient(self, log_probs: LogProbs, parameters: Sequence[torch.Tensor]) -> torch.Tensor:
        """The exact gradient of J with respect to a policy's parameters, as one vector in float64.

        Args:
            log_probs: The policy, see `tabulate`.
            parameters: What it is differentiated by.
        """
        return flat(torch.autograd.grad(self.objective(self.tabulate(log_probs)), parameters))

    # ------------------------------------------------------------------ values and advantages

    def returns_to_go(self, policy: torch.Tensor) -> torch.Tensor:
        """What each token of each completion and those behind it earn, the price on divergence paid, (P, N, T)."""
        price = to_go(self.beta * self.log_ratios(policy))
        return torch.where(self.completions.written, self.rewards[:, :, None] - price, 0.0)

    def values(self, policy: torch.Tensor) -> torch.Tensor:
        """V of each prefix, (P, M): the expected return of what follows it."""
        return (policy.exp() * self.action_values(policy)).sum(2)

    def action_values(self, policy: torch.Tensor) -> torch.Tensor:
        """Q of each token after each prefix, (P, M, V): the expected return of it and of what follows."""
        token_log_probs = self.token_log_probs(policy)
        behind = to_go(token_log_probs) - token_log_probs  # log-probability of what follows the token
        return self.sum_by_action(behind.exp() * self.returns_to_go(policy))

    def advantages(self, policy: torch.Tensor) -> torch.Tensor:
        """A = Q - V of each token after each prefix, (P, M, V)."""
        return self.action_values(policy) - self.values(policy)[:, :, None]

    def sum_by_action(self, values: torch.Tensor) -> torch.Tensor:
        """Sums (P, M, V) of values (P, N, T) over the completions that chose a token after a prefix."""
        sums = torch.zeros_like(self.reference.flatten(1))  # (P, M * V)
        return sums.index_add(1, self._actions, values[:, self.completions.written]).view_as(self.reference)

    @property
    def _actions(self) -> torch.Tensor:
        """Which of a table's M * V entries each written token is, one after another."""
        every = self.completions
        return (every.prefix * every.vocab_size + every.tokens)[every.written]

    # ------------------------------------------------------------------ the optimum

    def optimum(self) -> float:
        """The best J of any policy: beta log Z, the mean over prompts."""
        return float(self.beta * self._log_weights().logsumexp(1).mean())

    def optimal_policy(self) -> torch.Tensor:
        """The table of pi* = pi_ref exp(r / beta) / Z."""
        completion, _ = self.completions.written.nonzero(as_tuple=True)  # of each written token
        weights = self._log_weights()[:, completion]
        at = self._actions.expand_as(weights)
        lowest = torch.full_like(self.reference.flatten(1), -torch.inf)  # (P, M * V)
        greatest = lowest.scatter_reduce(1, at, weights, "amax")
        excess = (weights - greatest.gather(1, at)).exp()  # at most 1: nothing overflows
        sums = torch.zeros_like(greatest).scatter_add(1, at, excess)
        return (greatest + sums.log()).view_as(self.reference).log_softmax(2)

    def _log_weights(self) -> torch.Tensor:
        """The logarithms of pi_ref exp(r / beta) of each completion, (P, N)."""
        return self.token_log_probs(self.reference).sum(2) + self.rewards / self.beta

    def regret(self, policy: torch.Tensor) -> torch.Tensor:
        """How much of what there is to gain a policy has not: 0 at the optimum, 1 at the reference, may be above 1."""
        best = self.optimum()
        return (best - self.objective(policy)) / (best - self.objective(self.reference))

    def frontier(self, betas: Sequence[float]) -> list[tuple[float, float]]:
        """KL and E[r] of the optimum at each price: no policy has more reward at less divergence."""
        tasks = [replace(self, beta=float(beta)) for beta in betas]
        optima = [task.optimal_policy() for task in tasks]
        return [(float(self.kl(policy)), float(self.reward(policy))) for policy in optima]


def log_probs_of(model: CausalLM) -> LogProbs:
    """What a language model says of every token at a batch's timesteps, (N, V), with gradients if it is trained."""
    return lambda batch: model.logits(model.states(batch)).log_softmax(1)


def among(policy: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """A policy's table (P, M, V) where only some tokens may be written, bool (V,): an action mask.

    The task of a policy that is masked is that of its reference's table, masked alike.
    """
    return policy.masked_fill(~allowed, LEAST).log_softmax(2)


def to_go(values: torch.Tensor) -> torch.Tensor:
    """Sums over each token and those behind it, in the last dimension."""
    return values.flip(-1).cumsum(-1).flip(-1)


def flat(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Gradients as one vector in float64."""
    return torch.cat([gradient.double().flatten() for gradient in gradients])


def _scores(env: TextGenEnv, index: int, ids: list[list[int]]) -> np.ndarray:
    """The environment's scores (N,) of completions of one prompt."""
    n = len(ids)
    columns = {key: values for key, values in env.dataset.columns.items() if key not in ("prompt", "completion")}
    totals, _ = env.rewards.score(
        prompts=[env.prompts[index]] * n,
        completions=env.tokenizer.decode_batch(ids),
        completion_ids=ids,
        columns={key: [values[index]] * n for key, values in columns.items()},
        rows=RowNames(env.dataset, [index] * n),
    )
    return totals

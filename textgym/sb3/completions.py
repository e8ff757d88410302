"""The completions of a rollout of whole episodes, laid out as one token after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from textgym.evaluation import Episode
from textgym.models.causal_lm import Reference
from textgym.models.packing import PackedBatch, pack
from textgym.sb3.buffers import full_kl
from textgym.sb3.kl import KLControl, k3
from textgym.sb3.policies import TransformerPolicy


class Completions:
    """B completions of N tokens, an EOS that ended one among them: who wrote them, and how likely they were.

    Args:
        policy: Which wrote them, and has the same weights still.
        episodes: B finished episodes.
        log_probs: Of the tokens as they were chosen, float32 (N,).
        longest: The most tokens that a completion may have, T.
        kl: The price of divergence from the reference; None without one.
        reference: What the divergence is measured from; None for nothing.
        most_tokens: That one forward pass reads, see `forwards`.

    Attributes:
        lengths: Tokens of each completion, int64 (B,).
        log_probs: As training computes them, float32 (N,).
        reference_log_probs: The reference's, float32 (N,); equal to ``log_probs`` without one.
        beta: The price of a nat in this rollout; ``kl`` may adapt its own.
        kl_per_completion: Divergence in nats, the mean over completions; None without a reference.
        reference_seconds: What the log-probabilities took that were not known from the rollout.
        prices: What each token costs in the rewards, (N,); 0 where the loss pays for the divergence.
        returns: Of the tokens, prices paid, (N,).
        advantages: Of the tokens, as the algorithm compares them, (N,).
        kept: The completions that it trains on, int64 (B',).
    """

    prices: torch.Tensor
    returns: torch.Tensor
    advantages: torch.Tensor
    kept: np.ndarray

    def __init__(
        self,
        policy: TransformerPolicy,
        episodes: Sequence[Episode],
        log_probs: np.ndarray,
        longest: int,
        kl: KLControl | None,
        reference: Reference | None,
        most_tokens: int,
    ) -> None:
        self.policy, self.episodes, self.kl, self._reference = policy, episodes, kl, reference
        self.longest, self.most_tokens = longest, most_tokens
        self._prompt_lengths = np.array([episode.info["prompt_length"] for episode in episodes])  # (B,)
        self._text_lengths = np.array([len(episode.tokens) for episode in episodes])  # (B,)
        self.lengths = self._text_lengths - self._prompt_lengths
        numbers: dict[bytes, int] = {}  # of the prompts, in the order in which they come
        prompts = [episode.tokens[:length] for episode, length in zip(episodes, self._prompt_lengths, strict=True)]
        self._prompts = np.array([numbers.setdefault(prompt.tobytes(), len(numbers)) for prompt in prompts])  # (B,)
        self._starts = np.cumsum(self.lengths) - self.lengths  # (B,), where each begins among the N tokens
        began = time.perf_counter()
        self.log_probs = self.log_probs_of(policy.log_prob) if policy.recomputes_log_probs else log_probs
        self.reference_log_probs, self.kl_per_completion, self.beta = self.log_probs, None, 0.0
        if kl is not None:
            self.reference_log_probs = self.log_probs_of(self._reference_log_prob)
            self.kl_per_completion = float((self.log_probs - self.reference_log_probs).sum() / len(episodes))
            self.beta = kl.beta
        self.reference_seconds = time.perf_counter() - began

    def timesteps(self, rows: np.ndarray) -> np.ndarray:
        """Where the tokens of some completions are among the N, one completion after another, int64 (n,)."""
        return np.concatenate([np.arange(self._starts[i], self._starts[i] + self.lengths[i]) for i in rows])

    def written(self) -> np.ndarray:
        """Which places of a row of T hold a token of each completion, bool (B, T)."""
        return np.arange(self.longest) < self.lengths[:, None]

    def padded(self, values: np.ndarray) -> np.ndarray:
        """Values of the tokens, (N,), in a row for each completion, and 0 behind its end, (B, T)."""
        rows = np.zeros((len(self.lengths), self.longest), values.dtype)
        rows[self.written()] = values
        return rows

    def pack(self, rows: np.ndarray) -> tuple[PackedBatch, torch.Tensor]:
        """The texts of some completions, and the n tokens to evaluate, in the order of `timesteps`.

        The first is chosen after the prompt's last token, and the EOS that ends a text is among them: so it is trained.
        """
        texts = [self.episodes[i].tokens[:-1] for i in rows]  # the last token is chosen, and never read
        timesteps = [range(self._prompt_lengths[i] - 1, self._text_lengths[i] - 1) for i in rows]
        tokens = np.concatenate([self.episodes[i].tokens[self._prompt_lengths[i] :] for i in rows])
        batch = pack(texts, timesteps, self.policy.device, prompts=self._prompt_lengths[rows].tolist())
        return batch, torch.as_tensor(tokens, device=self.policy.device)

    def forwards(self, rows: np.ndarray) -> list[np.ndarray]:
        """Cut completions into parts of at most ``most_tokens`` tokens, prompts and padding among them, or of one text.

        Those of one prompt come together, and then prompts of like length.
        """
        ordered = rows[np.lexsort((self._text_lengths[rows], self._prompts[rows], self._prompt_lengths[rows]))]
        cuts, begin, longest = [], 0, 0
        for end, length in enumerate(self._text_lengths[ordered]):
            longest = max(longest, length)
            if end > begin and (end + 1 - begin) * longest > self.most_tokens:
                cuts.append(end)
                begin, longest = end, length
        return np.split(ordered, cuts)

    def log_probs_of(self, log_prob: Callable[[PackedBatch, torch.Tensor], torch.Tensor]) -> np.ndarray:
        """Log-probabilities of all tokens under ``log_prob(batch, tokens)``, float32 (N,)."""
        result = np.zeros(int(self.lengths.sum()), np.float32)
        for rows in self.forwards(np.arange(len(self.episodes))):
            result[self.timesteps(rows)] = log_prob(*self.pack(rows)).cpu().numpy()
        return result

    def _reference_log_prob(self, batch: PackedBatch, tokens: torch.Tensor) -> torch.Tensor:
        assert self._reference is not None
        # as the policy computes its own, so that equal weights diverge by exactly 0
        return self._reference.log_prob(batch, tokens, self.policy.temperature, self.policy.compute_dtype)

    def approx_kl(self) -> float:
        """Divergence of the policy that wrote them from the policy as it is now, in nats per token (k3)."""
        return float(k3(torch.as_tensor(self.log_probs - self.log_probs_of(self.policy.log_prob)).double()).mean())

    def full_kl(self, n_completions: int) -> float:
        """Exact divergence of the policy from the reference, in nats per token, on the first completions."""
        assert self._reference is not None
        return full_kl(self.policy, self._reference, self.pack(np.arange(min(n_completions, len(self.episodes))))[0])

"""sb3-contrib's MaskablePPO on text: what an environment's ``action_masks`` forbid is neither sampled nor scored."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy

from textgym.errors import ConfigurationError
from textgym.models.packing import PackedBatch
from textgym.sb3.buffers import Fragment, SequenceRolloutBuffer
from textgym.sb3.policies import Observations, TransformerPolicy, packed

Masks = np.ndarray | torch.Tensor | None  # truth values (n, V); None forbids nothing


class MaskableSamples(NamedTuple):
    """What `MaskableSequenceRolloutBuffer` yields: SB3's fields, and the masks, bool (N, V)."""

    observations: Any
    actions: torch.Tensor
    old_values: torch.Tensor
    old_log_prob: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor
    action_masks: torch.Tensor


class MaskableTransformerPolicy(TransformerPolicy):
    """`TransformerPolicy` for MaskablePPO; its arguments are the same.

    The softmax is over the allowed tokens alone, in sampling, in log-probabilities, in entropies, and in those of the
    reference that the buffer prices divergence from.
    """

    @torch.no_grad()
    def forward(  # type: ignore[override]
        self, obs: Observations, deterministic: bool = False, action_masks: Masks = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As `TransformerPolicy.forward`, among the allowed tokens.

        Raises:
            ConfigurationError: A row allows no token; contrib's own policies would choose any.
        """
        self._allowed = self._checked(action_masks)
        try:
            return super().forward(obs, deterministic)
        finally:
            self._allowed = None

    _allowed: torch.Tensor | None = None  # while `forward` runs

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = super()._logits(hidden)
        return logits if self._allowed is None else logits.masked_fill(~self._allowed, -torch.inf)

    def _checked(self, action_masks: Masks) -> torch.Tensor | None:
        if action_masks is None:
            return None
        allowed = torch.as_tensor(action_masks, device=self.device).bool()  # (n, V)
        if not bool(allowed.any(1).all()):
            raise ConfigurationError(
                f"The action mask of row {int((~allowed.any(1)).nonzero()[0])} allows no token. Leave EOS allowed."
            )
        return allowed

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
        action_masks: Masks = None,
    ) -> tuple[np.ndarray, Any]:
        """As SB3's, among the allowed tokens (n, V) of a batch of observations."""
        if action_masks is None:
            return super().predict(observation, state, episode_start, deterministic)
        self.set_training_mode(False)
        tensors, is_batch = self.obs_to_tensor(observation)
        masks = np.asarray(action_masks).reshape(-1, self.action_space.n)  # type: ignore[attr-defined]
        actions = self(tensors, deterministic, masks)[0].cpu().numpy()
        return actions if is_batch else actions[0], state

    def evaluate_actions(  # type: ignore[override]
        self, obs: Observations | PackedBatch, actions: torch.Tensor, action_masks: Masks = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """As `TransformerPolicy.evaluate_actions`; a packed batch knows its masks, (N, V)."""
        if action_masks is not None:
            obs = replace(packed(obs), allowed=self._checked(action_masks))
        return super().evaluate_actions(obs, actions)

    def get_distribution(self, obs: Observations | PackedBatch, action_masks: Masks = None) -> Any:  # type: ignore[override]
        """As `TransformerPolicy.get_distribution`, with no probability for what the masks (N, V) forbid."""
        if action_masks is not None:
            obs = replace(packed(obs), allowed=self._checked(action_masks))
        return super().get_distribution(obs)


class MaskableSequenceRolloutBuffer(SequenceRolloutBuffer):
    """`SequenceRolloutBuffer` for MaskablePPO: it keeps masks as bits, a 32nd of what contrib's own buffer takes."""

    def reset(self) -> None:
        """Empty the buffer."""
        super().reset()
        width = -(-int(self.action_space.n) // 8)  # type: ignore[attr-defined]
        self._bits = np.full((self.buffer_size, self.n_envs, width), 255, dtype=np.uint8)

    def add(self, *args: Any, action_masks: np.ndarray | None = None, **kwargs: Any) -> None:
        """Store one step of every environment; arguments as in sb3-contrib."""
        if action_masks is not None:
            self._bits[self.pos] = np.packbits(action_masks.reshape(self.n_envs, -1).astype(bool), axis=1)
        super().add(*args, **kwargs)

    def _pack(self, fragments: list[Fragment]) -> tuple[PackedBatch, np.ndarray, np.ndarray]:
        batch, steps, envs = super()._pack(fragments)
        vocab_size = int(self.action_space.n)  # type: ignore[attr-defined]
        allowed = np.unpackbits(self._bits[steps, envs], axis=1, count=vocab_size).view(bool)  # (N, V)
        return replace(batch, allowed=torch.as_tensor(allowed, device=self.device)), steps, envs

    def get(self, batch_size: int | None = None) -> Generator[Any, None, None]:
        """As `SequenceRolloutBuffer.get`, with the masks."""
        for samples in super().get(batch_size):
            batch: Any = samples.observations
            yield MaskableSamples(*samples, batch.allowed)


# contrib asks for subclasses of its own; both do all that these do
MaskableActorCriticPolicy.register(MaskableTransformerPolicy)
MaskableDictRolloutBuffer.register(MaskableSequenceRolloutBuffer)

"""MaskablePPO: stock sb3-contrib. PPO over the tokens that the task's grammar lets follow, in training and in playing.

S. Huang and S. Ontañón (2022), "A Closer Look at Invalid Action Masking in Policy Gradient Algorithms". A task without
a grammar has pad and BOS masked alone. Texts that cannot be read are never written, so that its score is no measure of
whether the model knows how to write one; it offers no ``log_prob``, for other agents' texts are of no grammar.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from sb3_contrib import MaskablePPO

from agents._training import TrainedAgent, make_agent_of, on_policy
from agents.ppo import Config
from textgym.envs import task_of
from textgym.envs.grammar import Grammar
from textgym.sb3 import MaskableSequenceRolloutBuffer, MaskableTransformerPolicy, TrustRegion

version = 0


class TrustRegionMaskablePPO(TrustRegion, MaskablePPO):
    """Whose updates are taken back if they go too far."""


class GrammaticalAgent:
    """A trained policy that writes by a grammar; its state is where each row's completion begins.

    Attributes:
        grammar: None where nothing is masked but pad and BOS, which no trained policy writes.
        policy: The policy; it and all others are those of the `agents._training.TrainedAgent`.
    """

    policy: Any

    def __init__(self, agent: TrainedAgent, grammar: Grammar | None) -> None:
        vars(self).update(vars(agent))  # tokens, curve and costs, those of a start among them
        self.grammar = grammar
        self.save: Callable[[str | Path], None] = agent.save

    def predict(
        self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """A token for every row, of those that may follow its completion."""
        if self.grammar is None:
            return self.policy.predict(obs, state, episode_start, deterministic)
        lengths = obs["attention_mask"].sum(1, dtype=np.int64)  # (n,)
        begins = lengths if state is None else np.where(episode_start, lengths, state)  # (n,)
        rows = zip(obs["input_ids"], begins, lengths, strict=True)
        masks = np.stack([self.grammar.mask(ids[begin:end].tolist()) for ids, begin, end in rows])
        return self.policy.predict(obs, None, None, deterministic, action_masks=masks)[0], begins


train = make_agent_of(
    __file__,
    on_policy,
    TrustRegionMaskablePPO,
    Config,
    policy=MaskableTransformerPolicy,
    rollout_buffer_class=MaskableSequenceRolloutBuffer,
)


def grammatical(train: Callable[..., TrainedAgent]) -> Callable[..., GrammaticalAgent]:
    """The ``make_agent`` of an agent that writes by the task's grammar, or by another that ``env_kwargs`` names.

    Args:
        train: The ``make_agent`` of its policy.
    """

    @wraps(train)  # its signature says what else it takes
    def make_agent(env_id: str, *, env_kwargs: dict[str, Any] | None = None, **arguments: Any) -> GrammaticalAgent:
        task = task_of(env_id)
        env_kwargs = {"grammar": task.grammar if task else None, **(env_kwargs or {})}
        agent = train(env_id, env_kwargs=env_kwargs, **arguments)
        name, env = env_kwargs["grammar"], agent.model.get_env().venv
        return GrammaticalAgent(agent, None if name is None else Grammar(name, env.dataset, env.tokenizer))

    return make_agent


make_agent = grammatical(train)

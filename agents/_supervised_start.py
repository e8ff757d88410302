"""What agents share that begin from a model which knows the task: supervised first, then another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents import supervised
from agents._settings import budget, settled
from agents._training import TrainedAgent


class StartedAgent(TrainedAgent):
    """A policy that an algorithm has trained on from a fine-tuned model.

    Attributes:
        seconds_saved: What the fine-tuning took, where its model was found in a folder of such.
        processed_saved: The tokens that were read in it, in that case.
    """

    def __init__(self, agent: TrainedAgent, start: supervised.SupervisedAgent) -> None:
        super().__init__(agent.model, agent.curve, agent.hyperparameters)
        self.seconds_saved, self.processed_saved = start.seconds_saved, start.processed_saved


def after_supervised(file: str, then: Callable[..., TrainedAgent]) -> Callable[..., TrainedAgent]:
    """The ``make_agent`` of an agent that trains on from a fine-tuned model.

    Args:
        file: The agent's, ``__file__``: its settings are beside it (`agents._settings`).
        then: The ``make_agent`` that trains on.
    """

    def make_agent(
        env_id: str,
        *,
        seed: int,
        total_tokens: int,
        supervised_tokens: int | None = None,
        progress: Callable[[int], object] | None = None,
        env_kwargs: dict[str, Any] | None = None,
        supervised_overrides: dict[str, Any] | None = None,
        device: str = "auto",
        starts: Path | None = None,
        **hyperparameters: Any,
    ) -> TrainedAgent:
        """Fine-tune on references, and train on from there; the second's reference model is the fine-tuned one.

        Args:
            env_id: The task.
            seed: Decides both.
            total_tokens: The budget of the second.
            supervised_tokens: The budget of the fine-tuning; None for that of the settings of `agents.supervised`.
            progress: Called with the second's tokens so far.
            env_kwargs: Keywords of the environment.
            supervised_overrides: Hyperparameters of `agents.supervised`, in place of those of its settings.
            device: Where both compute; ``"auto"`` for an accelerator if there is one.
            starts: See `agents.supervised.make_agent`.
            **hyperparameters: Those of the second; what neither they nor the agent's settings name is as in its own.
        """
        keywords: dict[str, Any] = {"seed": seed, "env_kwargs": env_kwargs, "device": device}
        tokens = budget(supervised.__file__, env_id) if supervised_tokens is None else supervised_tokens
        start = supervised.make_agent(
            env_id, total_tokens=tokens, starts=starts, **keywords, **(supervised_overrides or {})
        )
        with TemporaryDirectory() as folder:
            start.save(folder)
            keywords |= {"total_tokens": total_tokens, "progress": progress, "model": folder}
            own = settled(file, env_id, hyperparameters)
            return StartedAgent(then(env_id, **keywords, **own), start)

    return make_agent

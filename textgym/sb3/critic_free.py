"""REINFORCE, RLOO and GRPO: what a completion is compared with."""

from __future__ import annotations

from typing import Any

import torch

from textgym.sb3 import advantages as adv
from textgym.sb3.completions import Completions
from textgym.sb3.episode_algorithm import EpisodeAlgorithm, check_names
from textgym.sb3.policies import TransformerPolicy

BASELINES = ("none", "mean", "running")
MEMORY = 0.9  # of the running baseline, from rollout to rollout
GROUP_ADVANTAGES = ("grpo", "dr_grpo", "gdpo")


class REINFORCE(EpisodeAlgorithm):
    """The policy gradient (Williams, 1992), with a baseline that is one number for all completions.

    Args:
        policy: See `EpisodeAlgorithm`.
        env: See `EpisodeAlgorithm`.
        baseline: ``"none"``; ``"mean"``, the rollout's, at each place of a completion; or ``"running"``, an exponential
            average over the rollouts before (over this one in the first).
        group_size: One completion of each prompt is enough.
        n_prompts: See `EpisodeAlgorithm`.
        loss: See `EpisodeAlgorithm`; the only one without a ratio, so that it takes one step on each rollout.
        aggregation: See `EpisodeAlgorithm`; by default the gradient has no bias.
        **keywords: Those of `EpisodeAlgorithm`.
    """

    STATE: tuple[str, ...] = ("_running",)
    least_group = 1

    def __init__(
        self,
        policy: type[TransformerPolicy],
        env: Any,
        *,
        baseline: str = "mean",
        n_prompts: int = 64,
        group_size: int = 1,
        loss: str = "policy_gradient",
        aggregation: str = "constant",
        **keywords: Any,
    ) -> None:
        check_names(baseline=(baseline, BASELINES))
        self.baseline = baseline
        self._running: float | None = None
        super().__init__(
            policy, env, n_prompts=n_prompts, group_size=group_size, loss=loss, aggregation=aggregation, **keywords
        )

    def advantages(self, returns: torch.Tensor, completions: Completions) -> torch.Tensor:
        """``R - b``, (K, G, T)."""
        match self.baseline:
            case "mean":
                return adv.reinforce(returns, returns.mean((0, 1)))
            case "running":
                mean = returns[:, :, 0].mean().item()
                before = mean if self._running is None else self._running
                self._running = MEMORY * before + (1 - MEMORY) * mean
                return adv.reinforce(returns, before)
        return adv.reinforce(returns)


class RLOO(EpisodeAlgorithm):
    """REINFORCE leave-one-out (Ahmadian et al., 2024): a completion is compared with the others of its prompt.

    Args:
        policy: See `EpisodeAlgorithm`.
        env: See `EpisodeAlgorithm`.
        aggregation: See `EpisodeAlgorithm`; by default the gradient has no bias.
        **keywords: Those of `EpisodeAlgorithm`.
    """

    def __init__(
        self, policy: type[TransformerPolicy], env: Any, *, aggregation: str = "constant", **keywords: Any
    ) -> None:
        super().__init__(policy, env, aggregation=aggregation, **keywords)

    def advantages(self, returns: torch.Tensor, completions: Completions) -> torch.Tensor:
        """`textgym.sb3.advantages.rloo`, (K, G, T)."""
        return adv.rloo(returns)


class GRPO(EpisodeAlgorithm):
    """Group relative policy optimisation (Shao et al., 2024), and what followed it.

    docs/training.md says which arguments make it Dr. GRPO, DAPO, GSPO, CISPO and GDPO.

    Args:
        policy: See `EpisodeAlgorithm`.
        env: See `EpisodeAlgorithm`.
        advantage: ``"grpo"``; ``"dr_grpo"``, without the division by the group's standard deviation; or ``"gdpo"``,
            where each component of the reward is normalised before they are added up.
        **keywords: Those of `EpisodeAlgorithm`.
    """

    def __init__(self, policy: type[TransformerPolicy], env: Any, *, advantage: str = "grpo", **keywords: Any) -> None:
        check_names(advantage=(advantage, GROUP_ADVANTAGES))
        self.advantage = advantage
        super().__init__(policy, env, **keywords)

    def advantages(self, returns: torch.Tensor, completions: Completions) -> torch.Tensor:
        """`textgym.sb3.advantages.grpo`, ``dr_grpo`` or ``gdpo``, (K, G, T)."""
        match self.advantage:
            case "grpo":
                return adv.grpo(returns)
            case "dr_grpo":
                return adv.dr_grpo(returns)
        assert self.env is not None
        (functions,) = self.env.get_attr("rewards", [0])
        infos, shape = [episode.info["rewards"] for episode in completions.episodes], returns.shape[:2]
        components = {
            name: torch.tensor([info.get(name, 0.0) for info in infos]).view(shape) for name in functions.names
        }
        scores = torch.tensor([episode.score for episode in completions.episodes]).view(*shape, 1)
        prices = adv.dr_grpo(returns - scores)  # of divergence, which are no component
        return adv.gdpo(components, dict(zip(functions.names, functions.weights, strict=True)))[:, :, None] + prices

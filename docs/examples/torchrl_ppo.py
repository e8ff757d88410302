"""TorchRL's PPO over a short list of tokens: ``python docs/examples/torchrl_ppo.py``.

It needs ``pip install torchrl``.
"""

import sys

import gymnasium as gym
import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import GymWrapper, RewardSum, SerialEnv, TransformedEnv
from torchrl.modules import ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

import textgym  # noqa: F401 - registers the environments
from textgym.wrappers import FixedInfo

ENVS, STEPS, EPOCHS, BATCH = 16, 32, 4, 64


def make(env_id: str) -> GymWrapper:
    """An environment that takes token numbers, and shows its infos."""
    return GymWrapper(FixedInfo(gym.make(env_id)), categorical_action_encoding=True).auto_register_info_dict()


def net(inputs: int, outputs: int) -> nn.Sequential:
    """A perceptron."""
    return nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))


def train(env_id: str, total_tokens: int, seed: int = 0) -> list[float]:
    """The mean return of the episodes that ended in each rollout."""
    torch.manual_seed(seed)
    env = TransformedEnv(SerialEnv(ENVS, lambda: make(env_id)), RewardSum())
    env.set_seed(seed)
    inputs, n_actions = env.observation_spec["observation"].shape[-1], env.action_spec.space.n
    actor = ProbabilisticActor(
        TensorDictModule(net(inputs, n_actions), ["observation"], ["logits"]),
        in_keys=["logits"],
        distribution_class=torch.distributions.Categorical,
        return_log_prob=True,
    )
    critic = ValueOperator(net(inputs, 1), in_keys=["observation"])
    advantage = GAE(gamma=1.0, lmbda=0.95, value_network=critic)
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.0, normalize_advantage=True)
    optimizer = torch.optim.Adam(loss.parameters(), 1e-3)
    curve = []
    for rollout in Collector(env, actor, frames_per_batch=ENVS * STEPS, total_frames=total_tokens):
        ended = rollout["next", "done"]
        curve.append(rollout["next", "episode_reward"][ended].mean().item())
        with torch.no_grad():
            advantage(rollout)
        flat = rollout.reshape(-1)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(flat)).split(BATCH):
                terms = loss(flat[chosen])
                optimizer.zero_grad()
                (terms["loss_objective"] + terms["loss_critic"]).backward()
                nn.utils.clip_grad_norm_(loss.parameters(), 0.5)
                optimizer.step()
    return curve


if __name__ == "__main__":
    for seed in range(3):
        curve = train("TextGen-SolvableSmall-v0", 20_480, seed)
        sys.stdout.write(f"seed {seed}: {curve[0]:.3f} -> {curve[-1]:.3f}\n")

"""PPO in one file over a short list of tokens, with nothing of textgym but an id: ``python docs/examples/ppo.py``."""

import sys

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import textgym  # noqa: F401 - registers the environments

STEPS, ENVS, EPOCHS, MINIBATCHES, RATE = 32, 16, 4, 8, 1e-3
GAMMA, LAMBDA, CLIP, ENTROPY, VALUE, NORM = 1.0, 0.95, 0.2, 0.0, 0.5, 0.5


def net(inputs: int, outputs: int, scale: float) -> nn.Sequential:
    """A perceptron whose last layer is small at first: a policy near uniform, a critic near 0."""
    layers = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))
    nn.init.orthogonal_(layers[-1].weight, scale)
    return layers


def train(env_id: str, total_tokens: int, seed: int = 0, **keywords: object) -> list[float]:
    """The mean return of the episodes that ended in each rollout."""
    torch.manual_seed(seed)
    envs = gym.make_vec(env_id, num_envs=ENVS, **keywords)  # an episode that ends begins anew in the same step
    inputs, actions_n = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
    actor, critic = net(inputs, actions_n, 0.01), net(inputs, 1, 1.0)
    parameters = [*actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, RATE, eps=1e-5)
    obs = torch.zeros(STEPS + 1, ENVS, inputs)
    actions, log_probs, rewards, dones = torch.zeros(4, STEPS, ENVS)
    obs[0] = torch.from_numpy(envs.reset(seed=seed)[0])
    running, curve = np.zeros(ENVS), []
    for _ in range(total_tokens // (STEPS * ENVS)):
        returns = []
        for t in range(STEPS):
            with torch.no_grad():
                policy = torch.distributions.Categorical(logits=actor(obs[t]))
                actions[t] = policy.sample()
                log_probs[t] = policy.log_prob(actions[t])
            seen, reward, terminated, truncated, _ = envs.step(actions[t].long().numpy())
            obs[t + 1], rewards[t] = torch.from_numpy(seen), torch.from_numpy(reward)
            dones[t] = torch.from_numpy(terminated | truncated)
            running += reward
            returns += running[terminated | truncated].tolist()
            running[terminated | truncated] = 0.0
        with torch.no_grad():
            values = critic(obs).squeeze(-1)  # (STEPS + 1, ENVS)
        advantages = torch.zeros(STEPS, ENVS)
        following = torch.zeros(ENVS)
        for t in reversed(range(STEPS)):  # a text that is over has no value behind it
            going_on = 1 - dones[t]
            delta = rewards[t] + GAMMA * values[t + 1] * going_on - values[t]
            advantages[t] = following = delta + GAMMA * LAMBDA * going_on * following
        batch = [each.flatten(0, 1) for each in (obs[:-1], actions, log_probs, advantages, advantages + values[:-1])]
        for _ in range(EPOCHS):
            for chosen in torch.randperm(STEPS * ENVS).chunk(MINIBATCHES):
                o, a, old, advantage, target = (each[chosen] for each in batch)
                policy = torch.distributions.Categorical(logits=actor(o))
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                ratio = (policy.log_prob(a) - old).exp()
                gain = torch.min(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
                error = (critic(o).squeeze(-1) - target).square().mean()
                optimizer.zero_grad()
                (-gain - ENTROPY * policy.entropy().mean() + VALUE * error).backward()
                nn.utils.clip_grad_norm_(parameters, NORM)
                optimizer.step()
        curve.append(float(np.mean(returns)))
        obs[0] = obs[-1]
    return curve


if __name__ == "__main__":
    for number, score in enumerate(train("TextGen-SentimentSmall-v0", 20_000)):
        sys.stdout.write(f"{(number + 1) * STEPS * ENVS} tokens: {score:.3f}\n")

"""Behaviour cloning of recorded references, a Minari data set: ``python docs/examples/offline.py FOLDER``.

It needs ``pip install 'textgym[minari]'``. The folder is read if there is something in it, else it is written.
"""

import sys
from pathlib import Path

import gymnasium as gym
import minari
import numpy as np
import torch
from torch import nn

from textgym.evaluation import evaluate_agent
from textgym.offline import record_references
from textgym.wrappers import ShortlistAgent

TASK, SMALL = "TextGen-Classification-v0", "TextGen-ClassificationSmall-v0"
BATCH, RATE, WIDTH = 64, 1e-3, 64


class Reader(nn.Module):
    """Reads all tokens as a bag, and the newest one by itself."""

    def __init__(self, vocab_size: int, n_actions: int, pad: int) -> None:
        super().__init__()
        self.pad = pad
        self.bag, self.newest = nn.Embedding(vocab_size, WIDTH, padding_idx=pad), nn.Embedding(vocab_size, WIDTH)
        self.choose = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * WIDTH, 128), nn.ReLU(), nn.Linear(128, n_actions))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits (n, A) of token ids (n, L), padded on the right."""
        lengths = (ids != self.pad).sum(1, keepdim=True)  # (n, 1)
        bag = self.bag(ids).sum(1) / lengths.sqrt()  # (n, WIDTH)
        newest = self.newest(ids.gather(1, lengths - 1)[:, 0])
        return self.choose(torch.cat([bag, newest], 1))

    @torch.no_grad()
    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        """As Stable-Baselines3's agents do."""
        logits = self.eval()(torch.as_tensor(obs))
        actions = logits.argmax(1) if deterministic else torch.distributions.Categorical(logits=logits).sample()
        return actions.numpy(), state


def clone(reader: Reader, dataset: minari.MinariDataset, epochs: int) -> None:
    """Maximise the likelihood of the recorded actions."""
    episodes = list(dataset)
    obs = torch.from_numpy(np.concatenate([episode.observations[:-1] for episode in episodes]))  # (N, L)
    actions = torch.from_numpy(np.concatenate([episode.actions for episode in episodes]))  # (N,)
    optimizer = torch.optim.AdamW(reader.train().parameters(), RATE)
    for _ in range(epochs):
        for chosen in torch.randperm(len(actions)).split(BATCH):
            loss = nn.functional.cross_entropy(reader(obs[chosen]), actions[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def main(folder: str, split: str = "train", epochs: int = 10, seed: int = 0) -> tuple[float, float]:
    """The share of right answers on the test split, the likeliest tokens written, before and after."""
    torch.manual_seed(seed)
    env = gym.make(SMALL, split=split, observation="ids")
    recorded = Path(folder).exists()
    dataset = minari.MinariDataset(folder) if recorded else record_references(env, folder)
    tokenizer = env.unwrapped.tokenizer
    reader = Reader(tokenizer.vocab_size, int(env.action_space.n), tokenizer.pad_token_id)
    agent = ShortlistAgent(reader, env.get_wrapper_attr("spaces"))

    def score() -> float:
        return evaluate_agent(agent, TASK, seed=0, deterministic=True, reference=None).metrics["return"]

    before = score()
    clone(reader, dataset, epochs)
    return before, score()


if __name__ == "__main__":
    for seed in range(3):
        sys.stdout.write("seed {}: {:.3f} -> {:.3f}\n".format(seed, *main(sys.argv[1], seed=seed)))

"""sb3-contrib's TRPO over a language model: ``python docs/examples/trpo.py``.

`textgym.sb3.TRPO` is contrib's class with its train loop unmodified, and one backward pass in place of fifty.
"""

import sys

import numpy as np

from textgym.sb3 import TRPO, SequenceRolloutBuffer, TextVecEnv, TransformerPolicy


def train(total_tokens: int, seed: int = 0) -> list[float]:
    """The mean return of the last hundred episodes after each rollout."""
    model = TRPO(
        TransformerPolicy,
        TextVecEnv("TextGen-Solvable-v0", num_envs=64),
        policy_kwargs={"model": "textgym-letters"},
        n_steps=8,
        batch_size=128,
        gamma=1.0,
        target_kl=0.02,  # nats per token: every step goes so far
        rollout_buffer_class=SequenceRolloutBuffer,
        seed=seed,
    )
    curve = []
    while model.num_timesteps < total_tokens:
        model.learn(1, reset_num_timesteps=False)  # one rollout, one step
        curve.append(float(np.mean([episode["r"] for episode in model.ep_info_buffer])))
    return curve


if __name__ == "__main__":
    for seed in range(3):
        curve = train(20_000, seed)
        sys.stdout.write(f"seed {seed}: {curve[0]:.3f} -> {curve[-1]:.3f}\n")

"""sb3-contrib's MaskablePPO by a task's grammar: ``python docs/examples/maskable_ppo.py``.

The grammar ``labels`` lets nothing follow but the task's labels, which a model that was never trained on the task
hardly writes of itself.
"""

import sys

import numpy as np
from sb3_contrib import MaskablePPO

from textgym.sb3 import MaskableSequenceRolloutBuffer, MaskableTransformerPolicy, TextVecEnv


def train(env_id: str, grammar: str | None, total_tokens: int, seed: int = 0) -> list[float]:
    """The mean return of the last hundred episodes after each rollout."""
    model = MaskablePPO(
        MaskableTransformerPolicy,
        TextVecEnv(env_id, num_envs=64, grammar=grammar),
        learning_rate=1e-4,
        n_steps=8,
        batch_size=128,
        n_epochs=2,
        gamma=1.0,
        policy_kwargs={"warmup_steps": 24},
        rollout_buffer_class=MaskableSequenceRolloutBuffer,
        seed=seed,
    )
    curve = []
    while model.num_timesteps < total_tokens:
        model.learn(1, reset_num_timesteps=False)  # one rollout, one update
        curve.append(float(np.mean([episode["r"] for episode in model.ep_info_buffer])))
    return curve


if __name__ == "__main__":
    for seed in range(3):
        curve = train("TextGen-Classification-v0", "labels", 20_000, seed)
        sys.stdout.write(f"seed {seed}: {curve[0]:.3f} -> {curve[-1]:.3f}\n")

"""RLlib's PPO over a short list of tokens: ``python docs/examples/rllib_ppo.py``.

It needs ``pip install 'ray[rllib]'``.
"""

import sys

from ray.rllib.algorithms.ppo import PPOConfig

import textgym  # noqa: F401 - registers the environments


def train(env_id: str, iterations: int, seed: int = 0) -> list[float]:
    """The mean return after each iteration of 512 tokens."""
    config = (
        PPOConfig()
        .environment(env_id)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=16)  # in this process, where the ids are registered
        .learners(num_learners=0)
        .training(
            lr=1e-3, gamma=1.0, lambda_=0.95, train_batch_size=512, minibatch_size=64, num_epochs=4,
            entropy_coeff=0.0, use_kl_loss=False, grad_clip=0.5,
        )
        .debugging(seed=seed, log_level="ERROR")
    )  # fmt: skip
    algorithm = config.build_algo()
    curve = [algorithm.train()["env_runners"]["episode_return_mean"] for _ in range(iterations)]
    algorithm.stop()
    return curve


if __name__ == "__main__":
    for seed in range(3):
        curve = train("TextGen-SolvableSmall-v0", 40, seed)
        sys.stdout.write(f"seed {seed}: {curve[0]:.3f} -> {curve[-1]:.3f}\n")

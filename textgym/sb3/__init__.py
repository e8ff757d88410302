"""Stable-Baselines3 on text: stock algorithms, a transformer policy, a sequence buffer.

>>> from stable_baselines3 import PPO
>>> from textgym.sb3 import KLControl, SequenceRolloutBuffer, TextVecEnv, TransformerPolicy
>>> model = PPO(
...     TransformerPolicy,
...     TextVecEnv("TextGen-Sentiment-v0", num_envs=4),
...     n_steps=32,
...     batch_size=64,
...     gamma=1.0,
...     rollout_buffer_class=SequenceRolloutBuffer,
...     rollout_buffer_kwargs={"kl": KLControl(beta=0.02)},
... )
"""

from textgym.sb3.buffers import SequenceRolloutBuffer
from textgym.sb3.callbacks import TextCallback
from textgym.sb3.checkpoint import Checkpoint, resume
from textgym.sb3.completions import Completions
from textgym.sb3.critic_free import GRPO, REINFORCE, RLOO
from textgym.sb3.critic_warmup import CriticWarmup
from textgym.sb3.entropy_target import EntropyTarget
from textgym.sb3.episode_algorithm import EpisodeAlgorithm
from textgym.sb3.inspection import inspect_rollout
from textgym.sb3.kl import KLControl
from textgym.sb3.maskable import MaskableSequenceRolloutBuffer, MaskableTransformerPolicy
from textgym.sb3.policies import TransformerPolicy
from textgym.sb3.saving import save
from textgym.sb3.step_size import TrustRegion
from textgym.sb3.trpo import TRPO
from textgym.sb3.vec_env import TextVecEnv

__all__ = [
    "GRPO",
    "REINFORCE",
    "RLOO",
    "TRPO",
    "Checkpoint",
    "Completions",
    "CriticWarmup",
    "EntropyTarget",
    "EpisodeAlgorithm",
    "KLControl",
    "MaskableSequenceRolloutBuffer",
    "MaskableTransformerPolicy",
    "SequenceRolloutBuffer",
    "TextCallback",
    "TextVecEnv",
    "TransformerPolicy",
    "TrustRegion",
    "inspect_rollout",
    "resume",
    "save",
]

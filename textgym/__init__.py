"""Text generation as a reinforcement-learning task behind Gymnasium's interface: one step is one token.

>>> import gymnasium as gym, textgym
>>> env = gym.make("TextGen-Sentiment-v0")
"""

from textgym.envs import register_envs
from textgym.models import load_tokenizer

__all__ = ["load_tokenizer"]

register_envs()

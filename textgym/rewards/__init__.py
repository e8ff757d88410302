"""Reward functions by name, under TRL's contract.

A reward function is called by keyword with ``prompts`` and ``completions`` (list[str]), ``completion_ids``
(list[list[int]]; like the completions without EOS) and one list per column of the data set, and returns one
``float`` or None per completion; None means that it does not apply to that row:

    def mentions_film(completions, **kwargs):
        return [float("film" in text) for text in completions]

`per_text` makes one of a function that judges a single text. It may be ``async``. The built-in ones also take prompts
and completions by position, and TRL's lists of messages in place of texts. `Gated`, `Clipped`, `Normalised`, `Cached`
and `Lenient` make reward functions of others; `Judge` asks a language model behind an API, `EvaluateModule` a module of
`evaluate`, `text_classification` and `token_classification` a transformers model.
"""

from textgym.rewards.contract import per_text
from textgym.rewards.evaluate_module import EvaluateModule
from textgym.rewards.judges.classifier import text_classification, token_classification
from textgym.rewards.judges.judge import Judge
from textgym.rewards.registry import RewardFunction, get, names, register
from textgym.rewards.scoring import RewardFunctions
from textgym.rewards.wrappers import Cached, Clipped, Gated, Lenient, Normalised

__all__ = [
    "Cached",
    "Clipped",
    "EvaluateModule",
    "Gated",
    "Judge",
    "Lenient",
    "Normalised",
    "RewardFunction",
    "RewardFunctions",
    "get",
    "names",
    "per_text",
    "register",
    "text_classification",
    "token_classification",
]

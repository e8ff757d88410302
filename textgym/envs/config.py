"""`EpisodeConfig`: the keywords of every environment, single and vectorised, with their defaults and meanings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from textgym import models
from textgym.arguments import positive_integer
from textgym.data.datasets import Source
from textgym.errors import UnknownNameError
from textgym.rewards.scoring import Spec
from textgym.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

TokenizerSource: TypeAlias = "str | Path | TextTokenizer | Tokenizer | PreTrainedTokenizerBase"
Shaping: TypeAlias = Spec | Sequence[Spec] | bool | None
MOST = 1_000_000  # environments, or tokens: more than any model reads, and few enough to be allocated

Env = TypeVar("Env", bound=type)


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig:
    """What an episode is made of.

    Args:
        dataset: The prompts; see `textgym.data.load` for what it can be.
        reward_funcs: A reward's name, a callable, or a list of them; see `textgym.rewards`.
        tokenizer: A model's name, or a tokenizer; see `textgym.models.load_tokenizer` for what it can be.
        split: Which part of the data set to use.
        reward_weights: A number for each reward function; 1.0 by default, 0.0 to report it without rewarding.
        shaping: Reward functions as in ``reward_funcs`` whose value for the unfinished text is a potential: every token
            earns the difference that it makes, the last one takes all of it back, so that the return stays the score.
            They are asked for every token. True for the score itself. None by default: only the last token earns.
        prompt_template: A format string over the data set's columns, ``prompt`` alone by default. Special tokens
            written in it, such as those of a chat format, become single ids; in the data they stay text. ``"chat"``
            gives ``prompt`` as a user's message to the tokenizer's chat template, ``"chat:"`` with a format string
            behind it another message.
        shots: How many solved examples of the train split stand before every prompt, the same ones each time; none by
            default. ``max_prompt_tokens`` must leave them room.
        grammar: What ``action_masks`` allows besides: the name of a grammar of `textgym.envs.grammar`, whose labels are
            those of the train split. It forbids nothing: an agent that asks for masks, such as sb3-contrib's
            MaskablePPO, writes by it. None by default: all tokens but pad and BOS.
        max_prompt_tokens: How many tokens a prompt may have: of a longer one the last are kept, and a warning tells how
            many were cut.
        max_new_tokens: How many tokens the agent may write: the episode ends with this one at the latest.

    Raises:
        ConfigurationError: A number of tokens is no integer from 1 to `MOST`.
    """

    dataset: Source
    reward_funcs: Spec | Sequence[Spec]
    tokenizer: TokenizerSource = models.DEFAULT
    split: str = "train"
    reward_weights: Sequence[float] | None = None
    shaping: Shaping = None
    prompt_template: str = "{prompt}"
    shots: int = 0
    grammar: str | None = None
    max_prompt_tokens: int = 64
    max_new_tokens: int = 64

    def __post_init__(self) -> None:
        positive_integer("max_prompt_tokens", self.max_prompt_tokens, MOST)
        positive_integer("max_new_tokens", self.max_new_tokens, MOST)

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> EpisodeConfig:
        """The configuration that an environment's keywords stand for.

        Raises:
            UnknownNameError: There is no such keyword.
            ConfigurationError: One has a value that cannot be meant.
            TypeError: ``dataset`` or ``reward_funcs`` is missing.
        """
        known = [field.name for field in fields(cls)]
        for name in keywords:
            if name not in known:
                raise UnknownNameError("keyword", name, [*known, "render_mode"])
        return cls(**keywords)


def takes_config(env: Env) -> Env:
    """Write the fields of `EpisodeConfig` into the signature and the docstring of an environment.

    Its ``__init__`` hands ``**keywords`` on to `EpisodeConfig.of`; ``help()`` and editors show them all the same. In
    the docstring they take the place of the line ``**keywords: ...``.
    """
    init: Any = env.__init__  # type: ignore[misc]
    own = [each for each in inspect.signature(init).parameters.values() if each.kind is not each.VAR_KEYWORD]
    taken = inspect.signature(EpisodeConfig).parameters.values()
    parameters = sorted([*own, *taken], key=lambda each: (each.kind, each.default is not each.empty))
    init.__signature__ = inspect.Signature(parameters)
    if env.__doc__ and EpisodeConfig.__doc__:  # python -OO drops them
        lines = re.search(r"Args:\n(.*?)\n\n", EpisodeConfig.__doc__, flags=re.DOTALL)
        assert lines
        env.__doc__ = re.sub(r" *\*\*keywords: .*", lambda _: lines[1], env.__doc__)
    return env

"""An episode as text, and the text as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym.drawing import Span, draw, token_labels
from textgym.errors import ConfigurationError
from textgym.rewards.scoring import RewardFunctions

if TYPE_CHECKING:
    from textgym.envs.episodes import EpisodeCore

WIDTH = 640  # pixels of a frame
GROUNDS = ("lightblue", "moccasin")  # of tokens, in turn
CHARACTERS_PER_TOKEN, CHARACTERS_PER_LINE = 3, 70  # about
EXTRA_LINES = 3  # the reward's two, and one for line breaks
ENDS = {"eos": "EOS", "length": "token limit"}  # how a finish_reason is shown


def valid_mode(mode: str | None, modes: Sequence[str]) -> str | None:
    """The render mode itself.

    Raises:
        ConfigurationError: There is no such mode.
    """
    if mode is not None and mode not in modes:
        raise ConfigurationError(f"render_mode is {mode!r}. Choose None or one of {', '.join(modes)}.")
    return mode


def episode_text(core: EpisodeCore, row: int, final_info: Mapping[str, Any] | None) -> str:
    """Prompt, completion so far and, at the end, why it ended and what it was worth."""
    if not core.lengths[row]:
        return "Call reset() to begin.\n"
    lines = [
        f"Prompt: {core.prompts[core.index[row]]}",
        f"Completion: {core.tokenizer.decode(core.completion_ids([row])[0])}",
    ]
    return "\n".join(lines + ([reward_line(final_info, core.rewards)] if final_info else [])) + "\n"


def reward_line(info: Mapping[str, Any], rewards: RewardFunctions) -> str:
    """For example ``Reward: 0.31 = 1 x sentiment 0.81 + 0.5 x repetition -1.00  (EOS after 12 tokens)``."""
    weights = dict(zip(rewards.names, rewards.weights, strict=True))
    total = sum(weights[name] * value for name, value in info["rewards"].items())
    terms = " + ".join(f"{weights[name]:g} x {name} {value:.2f}" for name, value in info["rewards"].items())
    return f"Reward: {total:.2f} = {terms}  ({ENDS[info['finish_reason']]} after {info['completion_length']} tokens)"


def picture(core: EpisodeCore, row: int, final_info: Mapping[str, Any] | None) -> np.ndarray:
    """The prompt in grey, every token on a ground of its own, and at the end what the text was worth.

    All frames of an environment have one size, which videos need: room for as many tokens as an episode may have. Of a
    longer text the end is shown. For fonts see `textgym.drawing`.

    Returns:
        uint8 (height, 640, 3).
    """
    spans = [Span("Call reset() to begin.", "dimgrey")]
    if core.lengths[row]:
        tokens = core.input_ids[row, core.prompt_lengths[row] : core.lengths[row]].tolist()
        spans = [Span(core.prompts[core.index[row]], "dimgrey")]
        spans += [
            Span(label, background=GROUNDS[i % 2]) for i, label in enumerate(token_labels(core.tokenizer, tokens))
        ]
        if final_info:
            spans.append(Span("\n" + reward_line(final_info, core.rewards), "darkgreen"))
    longest = core.input_ids.shape[1] * CHARACTERS_PER_TOKEN // CHARACTERS_PER_LINE
    return draw(spans, WIDTH, lines=longest + EXTRA_LINES)

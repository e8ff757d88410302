"""An episode as text, and the text as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym.errors import ConfigurationError
from textgym.rewards.scoring import RewardFunctions

if TYPE_CHECKING:
    from textgym.envs.episodes import EpisodeCore

WIDTH, HEIGHT, FONT_SIZE, COLUMNS = 640, 360, 16, 76


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
    """For example ``Reward: 0.31 = 1 x sentiment 0.81 + 0.5 x repetition -1.00  (eos after 12 tokens)``."""
    weights = dict(zip(rewards.names, rewards.weights, strict=True))
    total = sum(weights[name] * value for name, value in info["rewards"].items())
    terms = " + ".join(f"{weights[name]:g} x {name} {value:.2f}" for name, value in info["rewards"].items())
    return f"Reward: {total:.2f} = {terms}  ({info['finish_reason']} after {info['completion_length']} tokens)"


def draw(text: str) -> np.ndarray:
    """Draw text in black on white; uint8 (360, 640, 3). Of a long text the end is shown."""
    from PIL import Image, ImageDraw, ImageFont

    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, COLUMNS) or [""]]
    line_height = FONT_SIZE + 4
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    canvas = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT_SIZE)
    for number, line in enumerate(lines[-(HEIGHT // line_height - 1) :]):
        canvas.text((10, 10 + number * line_height), line, fill="black", font=font)
    return np.array(image)

"""``textgym play``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import gymnasium as gym
import numpy as np
import typer
from rich.columns import Columns
from rich.console import Console

from textgym.cli import output
from textgym.envs.prompts import continuation
from textgym.tokenizer import TextTokenizer
from textgym.wrappers import WholeResponse

if TYPE_CHECKING:
    from textgym.sb3 import TransformerPolicy

CHOICES = 9


def play(
    env_id: output.TaskId,
    whole: Annotated[bool, typer.Option("--whole", help="Write the response in one go; no language model.")] = False,
    split: output.Split = "test",
    index: Annotated[int | None, typer.Option(help="Row of the data; drawn by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the drawing.")] = None,
) -> None:
    """Write a response yourself, token by token or in one go, and see its score.

    Token by token, the model's likeliest tokens are offered. A number from 1 to 9 takes one of them; any other text is
    added as it stands (begin a new word with a space), as the tokens it is made of; an empty line ends the response.
    """
    console = output.console()
    env_id, task = output.find_task(env_id)
    env = gym.make(env_id, split=split, **output.reported(task))
    reset = {"seed": seed, "options": None if index is None else {"index": index}}
    info = (_whole if whole else _by_token)(console, env, reset)
    console.print()
    console.print(output.episode(info))


def _whole(console: Console, env: gym.Env[Any, Any], reset: dict[str, Any]) -> dict[str, Any]:
    """Play one line from a terminal, or all that is piped in; returns the last info."""
    env = WholeResponse(env)
    prompt, _ = env.reset(**reset)
    console.print(output.plain(prompt))
    response = _line(console) if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
    *_, info = env.step(continuation(prompt, response) if response else "")
    return info


def _by_token(console: Console, env: gym.Env[Any, Any], reset: dict[str, Any]) -> dict[str, Any]:
    """Play what is chosen or typed, line by line; returns the last info."""
    from textgym.sb3 import TransformerPolicy

    unwrapped: Any = env.unwrapped
    tokenizer = unwrapped.tokenizer
    policy = TransformerPolicy(env.observation_space, env.action_space, lambda _: 0.0, model=tokenizer.name)
    obs, info = env.reset(**reset)
    prompt, written = info["prompt"], list[int]()
    over = False
    help_ = "A number takes a token, other text is added as it stands, an empty line ends the response."
    console.print(help_, style="dim")
    while not over:
        likely = likeliest(policy, obs, unwrapped.action_masks())
        console.print(output.plain(prompt + tokenizer.decode(written)))
        names = [
            "(end)" if token in tokenizer.eos_token_ids else repr(tokenizer.decode([token])) for token, _ in likely
        ]
        offered = [f"{i} {name} {share:.0%}" for i, (name, (_, share)) in enumerate(zip(names, likely, strict=True), 1)]
        console.print(Columns(offered, padding=(0, 3)), style="dim")
        for token in tokens(_line(console), [token for token, _ in likely], tokenizer):
            written.append(token)
            obs, _, over, _, info = env.step(token)
            if over:
                break
    return info


def likeliest(policy: TransformerPolicy, obs: dict[str, np.ndarray], mask: np.ndarray) -> list[tuple[int, float]]:
    """The model's likeliest allowed tokens behind one observation, with their probabilities."""
    import torch

    with torch.no_grad():
        batch, _ = policy.obs_to_tensor(obs)
        distribution: Any = policy.get_distribution(batch).distribution  # type: ignore[arg-type]
    top = (distribution.probs[0] * torch.from_numpy(mask).to(policy.device)).topk(CHOICES)
    return [*zip(top.indices.tolist(), top.values.tolist(), strict=True)]


def tokens(line: str, offered: Sequence[int], tokenizer: TextTokenizer) -> list[int]:
    """The tokens that a line stands for: EOS if it is empty, one that is offered by its number, else its text."""
    if not line:
        return [tokenizer.eos_token_id]
    if line.isdecimal() and 1 <= int(line) <= len(offered):
        return [offered[int(line) - 1]]
    return tokenizer.encode(line)


def _line(console: Console) -> str:
    """What is typed; an end of the input ends the response."""
    try:
        return console.input("> ")
    except EOFError:
        return ""

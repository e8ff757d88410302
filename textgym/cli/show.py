"""``textgym show``."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from rich.text import Text

from textgym.checks.probes import Examples, probes
from textgym.cli import output

ROWS = 200  # to score simple texts on, which takes no longer than a moment


def show(env_id: output.TaskId, split: output.Split = "test") -> None:
    """Show a task: spaces, data, prompt and rewards, and what simple texts are worth.

    No model runs: the scores are those of the reference, of random tokens, and of other texts that anybody can write.
    """
    console = output.console()
    env_id, task = output.find_task(env_id)
    env: Any = gym.make(env_id).unwrapped
    examples = Examples(env_id, split, ROWS)
    console.print(Text(f"{env_id}: {output.first_sentence(type(env))}", style="bold"))
    console.print()
    limits = (
        f"at most {task.max_prompt_tokens} of the prompt and {task.max_new_tokens} new ones, of {env.tokenizer.name}"
    )
    about = {
        "actions": env.action_space,
        "observations": env.observation_space,
        "tokens": limits,
        "data": f"{task.dataset}: {output.sizes(task.dataset)} rows (train / validation / test)",
        "licence": output.licence(task.dataset),
        "columns": ", ".join(examples.dataset.columns),
        "template": output.one_line(task.prompt_template),
        "prompt": examples.prompts[0],
        "reference": examples.references[0].strip(),
        "reward": _judge(task.reward_funcs),
        "gold": _judge(task.gold) if task.gold != task.reward_funcs else "the same, for it is the truth itself",
        "reported": ", ".join(task.metrics) or "nothing else",
    }
    console.print(output.facts(about))
    table = output.table(f"{task.reward_funcs} of", "mean", "lowest", "highest", right=("mean", "lowest", "highest"))
    for kind, texts in probes(examples).items():
        values = [value for value in examples.values(texts) if value is not None]
        table.add_row(kind, *(output.number(float(of(values))) if values else "-" for of in (np.mean, min, max)))
    console.print()
    console.print(table)
    console.print(f"({len(examples)} rows of {split})")


def _judge(name: str) -> str:
    return f"{name}: {output.described_reward(name)[1]}"

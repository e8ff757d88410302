"""The sections of an environment's docstring that are the same for every task."""

from __future__ import annotations

import inspect
import re

# Gymnasium's skeleton, in its order; a task writes the sections that COMMON lacks
SECTIONS = (
    "Description", "Action Space", "Observation Space", "Starting State", "Rewards", "Episode End", "Information",
    "Arguments", "References", "Version History",
)  # fmt: skip
COMMON = {
    "Action Space": """
`Discrete(V)`: the id of the next token, `V` being the size of the tokenizer's vocabulary (4,096 by default, where every
digit is a token). EOS ends the text, as does every token that the model's `generation_config.json` lists as one.
`action_masks()` returns a bool array of shape `(V,)` that is False for pad and
BOS, and with `grammar` for what cannot follow the text; chosen all the same, they are ordinary tokens.
""",
    "Observation Space": """
`Dict` with two arrays of length `L = max_prompt_tokens + max_new_tokens`:

| Key              | Space                        | Meaning                                                    |
|------------------|------------------------------|------------------------------------------------------------|
| `input_ids`      | `Box(0, V - 1, (L,), int64)` | the prompt from column 0, then every action; pad behind it |
| `attention_mask` | `Box(0, 1, (L,), int8)`      | 1 for prompt and actions, 0 for padding                    |

Within an episode the text only grows: an observation is a prefix of the next one. An EOS action is part of the last
observation.
""",
    "Starting State": """
A prompt of the data set, drawn uniformly by `np_random`, or chosen by `reset(options={"index": k})`. It begins with BOS
where the model's own tokenizer puts it. Of a prompt longer than `max_prompt_tokens` the last tokens are kept, behind
BOS if there is one, for they are what the text goes on from; how many prompts are cut is logged once, when the
environment is made.
""",
    "Episode End": """
The episode terminates with EOS or with the token number `max_new_tokens`. The limit is part of the task, so it is a
termination too; there is no truncation.
""",
    "Information": """
`reset` gives `prompt` (str), `prompt_length` (int) and `index` (int, the row of the data set). The last step gives
these again, with `completion` (str, without EOS), `completion_length` (int, tokens without EOS), `reference` (str,
list of str or None, if the data has the column), `finish_reason` (`"eos"` or `"length"`) and `rewards` (each reward
function's value by its name).
""",
}


def complete(docstring: str) -> str:
    """A task's docstring in the order of `SECTIONS`, with those of `COMMON` that it does not write itself.

    >>> complete("Say hello.").splitlines()[0]  # no task: left as it is
    'Say hello.'
    """
    head, *parts = re.split(r"^## ", inspect.cleandoc(docstring), flags=re.MULTILINE)
    if not parts:
        return docstring
    sections = COMMON | dict(part.split("\n", 1) for part in parts)
    unknown = sections.keys() - set(SECTIONS)
    assert not unknown, f"no section of Gymnasium's skeleton: {unknown}"
    return head + "\n\n".join(f"## {name}\n{sections[name].strip()}" for name in SECTIONS if name in sections) + "\n"

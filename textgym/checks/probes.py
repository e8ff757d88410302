"""Texts that take no model to write, for rows of a task's data set, and what rewards say of them.

References and wrong answers bracket what a reward can tell apart: `textgym.checks.validation` checks tasks by them,
`textgym.checks.reward_lint` rewards. Importing this module imports no torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from textgym.data.datasets import RowNames
from textgym.envs.episodes import GIVEN
from textgym.envs.prompts import continuation
from textgym.errors import DatasetError, RewardError
from textgym.evaluation import make_env
from textgym.rewards.scoring import Spec, call

REFERENCE = "the reference"
ANOTHER = "another row's reference"
EMPTY = "empty text"
ONE_TOKEN = "one token"
MOST_FREQUENT = "the most frequent answer"
BEGINNINGS, TRIED_ON = 8, 64  # tokens that references begin with most often, and the rows that tell the best of them


class Examples:
    """The first rows of a split, with their prompts as the agent reads them.

    Args:
        env_id: A registered id.
        split: Which part of the data set to use.
        num_examples: The first so many rows, or all that there are; None for all.
        reward: The reward to use instead of the id's own.
        env_kwargs: Other keywords of the environment.
        seed: Seeds everything that is drawn.

    Attributes:
        dataset: All rows of the split.
        prompts: n texts.
        references: n completions: each row's first reference, as it goes on from the prompt; "" where the data has
            none.
        labels: Each row's label, where the data has a column ``label`` of 0 and 1, as for sentiment; else None.
        columns: What reward functions get, n values each.
        reward: The first reward function's name, and the function.
        tokenizer: The environment's.
        max_new_tokens: How many tokens a completion may have.
        action_mask: The allowed tokens, bool (V,).
        rng: The random generator.
    """

    def __init__(
        self,
        env_id: str,
        split: str,
        num_examples: int | None = None,
        *,
        reward: Spec | Sequence[Spec] | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        given = {} if reward is None else {"reward_funcs": reward}
        self._env = env = make_env(env_id, 1, split, {**(env_kwargs or {}), **given})
        self.env_id, self.dataset, self.tokenizer = env_id, env.dataset, env.tokenizer
        self.reward = env.rewards.names[0], env.rewards.functions[0]
        size = min(num_examples or len(env.dataset), len(env.dataset))
        self.prompts = env.prompts[:size]
        columns = {name: list(values[:size]) for name, values in env.dataset.columns.items()}
        labels = columns.get("label", [])
        labelled = 0 in labels and 1 in labels and all(label in (0, 1) for label in labels)
        self.labels = np.array(labels) if labelled else None
        self.columns = {name: values for name, values in columns.items() if name not in GIVEN}
        self.references = [
            "" if reference is None else continuation(prompt, reference if isinstance(reference, str) else reference[0])
            for prompt, reference in zip(self.prompts, columns.get("reference", [None] * size), strict=True)
        ]
        self.max_new_tokens = env.config.max_new_tokens
        self.action_mask = env.action_masks()[0]
        self.rng = np.random.default_rng(seed)
        self._ids: dict[str, list[int]] = {}  # of the texts so far: probes are few texts, asked about often

    def __len__(self) -> int:
        return len(self.prompts)

    def prompt_ids(self, row: int) -> list[int]:
        """The prompt's tokens."""
        return self._env.prompt_ids(row)

    def arguments(self, completions: Sequence[str], rows: Sequence[int] | None = None) -> dict[str, list[Any]]:
        """What reward functions are called with: one completion for each of the rows, by default the first ones."""
        rows = range(len(completions)) if rows is None else rows
        new = [text for text in dict.fromkeys(completions) if text not in self._ids]
        self._ids.update(zip(new, self.tokenizer.encode_batch(new), strict=True))
        return {
            **{name: [values[row] for row in rows] for name, values in self.columns.items()},
            "prompts": [self.prompts[row] for row in rows],
            "completions": list(completions),
            "completion_ids": [[*self._ids[text]] for text in completions],
        }

    def values(self, completions: Sequence[str], rows: Sequence[int] | None = None) -> list[float | None]:
        """What the reward function says of completions, None where it does not apply.

        Raises:
            RewardError: It failed.
            DatasetError: A row holds what it cannot compare with.
        """
        rows = range(len(completions)) if rows is None else rows
        return call(*self.reward, self.arguments(completions, rows), RowNames(self.dataset, rows))


def compares(examples: Examples) -> bool:
    """Whether the reward compares a text with its row; a judge of the text alone does not.

    Raises:
        RewardError: The reward failed.
        DatasetError: A row holds what it cannot compare with.
    """
    next_rows = [*range(1, len(examples)), 0]
    return examples.values(examples.references) != examples.values(examples.references, next_rows)


def probes(examples: Examples) -> dict[str, list[str]]:
    """A text for every row by what it is; `REFERENCE` and `ANOTHER` only where the data has them.

    Where it has labels, as for sentiment, and the reward judges the text alone, the first is positive and the second
    negative for every row.
    """
    texts = {}
    by_label = examples.labels is not None and _judges_alone(examples)
    if any(examples.references):
        texts[REFERENCE] = _of_label(examples, 1) if by_label else examples.references
    if len(set(map(_plain, examples.references))) > 1:
        texts[ANOTHER] = _of_label(examples, 0) if by_label else _others(examples)
    # the bare prompt: words of the template earn nothing anywhere
    texts["the prompt copied"] = list(examples.dataset.columns.get("prompt", examples.prompts)[: len(examples)])
    texts[EMPTY] = [""] * len(examples)
    allowed = np.flatnonzero(examples.action_mask)
    drawn = examples.rng.choice(allowed, size=(len(examples), examples.max_new_tokens))
    texts["random tokens"] = examples.tokenizer.decode_batch(drawn.tolist())
    return texts


def constants(examples: Examples) -> dict[str, str]:
    """Answers that are the same for every row, by what they are; none where the data has no references.

    One is the reference that most rows share. The other is one token, of those that references begin with most often
    that which the reward likes best.

    Raises:
        RewardError: The reward failed.
        DatasetError: A row holds what it cannot compare with.
    """
    references = [text for text in examples.references if text]
    if not references:
        return {}
    begun = Counter(ids[0] for ids in examples.tokenizer.encode_batch(references) if ids)
    tokens = [examples.tokenizer.decode([token]) for token, _ in begun.most_common(BEGINNINGS)]
    rows = range(min(len(examples), TRIED_ON))
    scores = {token: sum(value or 0.0 for value in examples.values([token] * len(rows), rows)) for token in tokens}
    return {ONE_TOKEN: max(scores, key=scores.__getitem__), MOST_FREQUENT: Counter(references).most_common(1)[0][0]}


def _judges_alone(examples: Examples) -> bool:
    try:
        return not compares(examples)
    except (RewardError, DatasetError):
        return False  # whoever scores the texts will meet the error, and can say of which


def noisy(examples: Examples, texts: Sequence[str], share: float) -> list[str]:
    """Texts with this share of their words, at least one, replaced by other words of any row's reference."""
    words = np.array([word for text in examples.references for word in text.split()])
    changed = []
    for text in texts:
        own = text.split()
        count = min(len(own), max(1, round(share * len(own))))
        for place in examples.rng.choice(len(own), size=count, replace=False) if own else ():
            others = words[words != own[place]]
            own[place] = str(examples.rng.choice(others)) if len(others) else own[place]
        changed.append(text[: len(text) - len(text.lstrip())] + " ".join(own))
    return changed


def _others(examples: Examples) -> list[str]:
    """For every row a reference of another wording."""
    references = examples.references
    others = []
    for own in references:
        while _plain(other := references[examples.rng.integers(len(references))]) == _plain(own):
            pass
        others.append(other)
    return others


def _plain(text: str) -> str:
    return text.strip().casefold()


def _of_label(examples: Examples, label: int) -> list[str]:
    """Each row's reference, if it has the label, or one of a row that has it."""
    drawn = examples.rng.choice(np.flatnonzero(examples.labels == label), size=len(examples))
    source = np.where(examples.labels == label, np.arange(len(examples)), drawn)
    return [examples.references[row] for row in source]

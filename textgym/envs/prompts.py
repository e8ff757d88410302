"""The prompts of a data set as the agent sees them: a template filled with each row, as text and as token ids."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from textgym import data
from textgym.errors import ConfigurationError, DatasetError
from textgym.tokenizer import TextTokenizer

logger = logging.getLogger(__name__)

ROWS_PER_BLOCK = 10_000  # are encoded at once: as Python's lists the ids of a million rows would take gigabytes


class Template:
    """A prompt template over a data set's columns.

    Special tokens in it (those of a chat format) become their ids; the same characters in the data stay text.

    Args:
        template: For `str.format`.
        tokenizer: Encodes what is filled in.

    Raises:
        ConfigurationError: The template is no string.
    """

    def __init__(self, template: str, tokenizer: TextTokenizer) -> None:
        if not isinstance(template, str):
            raise ConfigurationError(f"prompt_template is {template!r}. Give a format string, such as '{{prompt}}'.")
        self.tokenizer = tokenizer
        special = tokenizer.special_tokens
        pieces = re.split("(" + "|".join(map(re.escape, special)) + ")", template) if special else [template]
        self._pieces = [*filter(None, pieces)]

    def encode(self, dataset: data.Dataset, rows: Sequence[int]) -> tuple[list[str], list[list[int]]]:
        """The rows' texts, and their ids.

        Raises:
            ConfigurationError: The template names a column that the data does not have.
            DatasetError: A row has no value for the template, or one that cannot be encoded.
        """
        special = self.tokenizer.special_tokens
        prompts = [""] * len(rows)
        prompt_ids: list[list[int]] = [[] for _ in rows]
        for piece in self._pieces:
            texts = [piece] * len(rows) if piece in special else data.fill(piece, dataset, rows)
            encoded = [[special[piece]]] * len(rows) if piece in special else self.tokenizer.encode_batch(texts)
            for i, (text, ids) in enumerate(zip(texts, encoded, strict=True)):
                prompts[i] += text
                prompt_ids[i] += ids
        return prompts, prompt_ids


def continuation(prompt: str, reference: str) -> str:
    """A reference as a completion of the prompt: a space goes between them unless the prompt ends with white space."""
    return reference if prompt[-1:].isspace() else " " + reference


class Solved(NamedTuple):
    """A solved example: its prompt, and what stands before another prompt, as text and as ids."""

    prompt: str
    text: str
    ids: list[int]


def solved_examples(template: Template, train: data.Dataset, shots: int) -> list[Solved]:
    """Evenly spaced rows of those in the train split that have a reference, with it, an empty line behind each.

    There is one more than is asked for, if there is one: the prompt of a row must not give its own answer away.

    Raises:
        ConfigurationError: ``shots`` is no number of rows with references that the train split has.
    """
    solved = [row for row, value in enumerate(train.columns.get("reference", ())) if value is not None]
    if not isinstance(shots, (int, np.integer)) or not 1 <= shots < len(solved):
        raise ConfigurationError(
            f"shots is {shots!r}. Give an integer from 0 to {max(len(solved) - 1, 0)}, one less than {train.name}'s "
            f"train split has rows with a value in the column 'reference' (it has: {', '.join(train.columns)})."
        )
    chosen = [solved[k * len(solved) // (shots + 1)] for k in range(shots + 1)]
    examples = []
    for index, prompt, tokens in zip(chosen, *template.encode(train, chosen), strict=True):
        reference = train.columns["reference"][index]
        answer = continuation(prompt, reference if isinstance(reference, str) else reference[0]) + "\n\n"
        examples.append(Solved(prompt, prompt + answer, tokens + template.tokenizer.encode(answer)))
    return examples


def encode_prompts(
    template: Template, dataset: data.Dataset, max_tokens: int, solved: Sequence[Solved]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Fill the template with every row, once.

    Of a prompt with too many tokens the last ``max_tokens`` are kept.

    Args:
        template: What is filled.
        dataset: Its rows.
        max_tokens: Of a prompt.
        solved: Examples, all but one of which stand before every prompt: the row's own one is left out, or the last.

    Returns:
        The N prompts as the agent sees them, the ids of all of them one after another, int32, and the length of each,
        int64 (N,): memory grows with tokens, not with rows x max_tokens.

    Raises:
        ConfigurationError: The template names a column that the data does not have.
        DatasetError: A row has no value for the template, or one that cannot be encoded, or a prompt no tokens.
    """
    prompts: list[str] = []
    blocks, lengths, cut = list[np.ndarray](), list[int](), 0
    for start in range(0, len(dataset), ROWS_PER_BLOCK):
        rows = range(start, min(start + ROWS_PER_BLOCK, len(dataset)))
        block: list[int] = []
        for index, prompt, ids in zip(rows, *template.encode(dataset, rows), strict=True):
            if not ids:
                raise DatasetError(
                    f"{dataset.where(index)}: the prompt is empty, and there is nothing to go on from. "
                    "Drop the row, or put words into prompt_template."
                )
            before = [example for example in solved if example.prompt != prompt][: len(solved) - 1]
            prompt = "".join(example.text for example in before) + prompt
            ids = [*chain.from_iterable(example.ids for example in before), *ids]
            if len(ids) > max_tokens:
                ids = ids[-max_tokens:]
                prompt = template.tokenizer.decode(ids)
                cut += 1
            prompts.append(prompt)
            lengths.append(len(ids))
            block += ids
        blocks.append(np.array(block, np.int32))
    if cut:
        logger.warning(
            "%d of %d prompts of %s, split %r, have more than max_prompt_tokens=%d tokens; their last %d are kept "
            "(max_prompt_tokens= sets the limit)",
            cut, len(prompts), dataset.name, dataset.split, max_tokens, max_tokens,
        )  # fmt: skip
    return prompts, np.concatenate(blocks), np.array(lengths)

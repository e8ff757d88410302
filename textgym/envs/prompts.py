"""The prompts of a data set as the agent sees them: a template filled with each row, as text and as token ids."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from textgym import data
from textgym.envs.chat import ChatTemplate
from textgym.errors import ConfigurationError, DatasetError
from textgym.tokenizer import TextTokenizer

logger = logging.getLogger(__name__)

CHAT = "chat"
ROWS_PER_BLOCK = 10_000  # are encoded at once: as Python's lists the ids of a million rows would take gigabytes


class Template:
    """A prompt template over a data set's columns.

    Special tokens in it (those of a chat format) become their ids; the same characters in the data stay text.

    Args:
        template: A format string for `str.format`. Or ``"chat"``: the column ``prompt`` as a user's message, in the
            form of the tokenizer's chat template; ``"chat:"`` with a format string behind it writes another message.
        tokenizer: Encodes what is filled in.

    Raises:
        ConfigurationError: The template is no string, or the tokenizer has no chat template that can be used.
    """

    def __init__(self, template: str, tokenizer: TextTokenizer) -> None:
        if not isinstance(template, str):
            raise ConfigurationError(
                f"prompt_template is {template!r}. Give a format string, such as '{{prompt}}', or 'chat'."
            )
        self.tokenizer = tokenizer
        self.is_chat = template == CHAT or template.startswith(f"{CHAT}:")
        self._chat = ChatTemplate(tokenizer) if self.is_chat else None
        self._message = template.removeprefix(CHAT).removeprefix(":") or "{prompt}"
        self._pieces = tokenizer.split_special(template) or [("", None)]
        self._begins_after_special = tokenizer.begins_after_special_tokens

    def encode(
        self, dataset: data.Dataset, rows: Sequence[int], *, begin: bool = True
    ) -> tuple[list[str], list[list[int]]]:
        """The rows' texts, and their ids.

        Args:
            dataset: The data set, whose columns the template may name.
            rows: The indices of the rows.
            begin: Whether they begin a text, and do not go on from one.

        Raises:
            ConfigurationError: The template names a column that the data does not have.
            DatasetError: A row has no value for the template, or one that cannot be encoded.
        """

        def begins(at: int) -> bool:
            return self._begins_after_special if at else begin

        filled = self._filled(dataset, rows)
        texts: dict[bool, list[str]] = {True: [], False: []}
        for pieces in filled:
            for at, (text, token) in enumerate(pieces):
                if token is None:
                    texts[begins(at)].append(text)
        encoded = {key: iter(_encoded(self.tokenizer, tuple(texts[key]), key)) for key in texts if texts[key]}
        ids: list[list[int]] = [[] for _ in rows]
        for row, pieces in zip(ids, filled, strict=True):
            for at, (_, token) in enumerate(pieces):
                row += next(encoded[begins(at)]).tolist() if token is None else [token]
        return ["".join(text for text, _ in pieces) for pieces in filled], ids

    def _filled(self, dataset: data.Dataset, rows: Sequence[int]) -> list[list[tuple[str, int | None]]]:
        """Each row's prompt in pieces, special tokens with their ids."""
        if self._chat:
            return [self._chat.pieces(message) for message in data.fill(self._message, dataset, rows)]
        tokens = [token for _, token in self._pieces]
        columns = [
            data.fill(piece, dataset, rows) if token is None else [piece] * len(rows) for piece, token in self._pieces
        ]
        return [[*zip(texts, tokens, strict=True)] for texts in zip(*columns, strict=True)]


@lru_cache(maxsize=4)  # environments of the same prompts are made again and again, as for every evaluation
def _encoded(tokenizer: TextTokenizer, texts: tuple[str, ...], begin: bool) -> list[np.ndarray]:
    return [np.array(ids, np.int32) for ids in tokenizer.encode_batch(texts, begin=begin)]


def continuation(prompt: str, reference: str) -> str:
    """A reference as a completion of the prompt: a space goes between them unless the prompt ends with white space."""
    return reference if prompt[-1:].isspace() else " " + reference


class Solved(NamedTuple):
    """A solved example: its prompt, and what stands before another prompt, as text and as ids.

    Attributes:
        prompt: The prompt.
        text: The prompt, its answer and an empty line.
        ids: The text's ids where it goes on from another example.
        first_ids: The text's ids where it is the first one.
    """

    prompt: str
    text: str
    ids: list[int]
    first_ids: list[int]


def solved_examples(template: Template, train: data.Dataset, shots: int) -> list[Solved]:
    """Evenly spaced rows of those in the train split that have a reference, with it, an empty line behind each.

    There is one more than is asked for, if there is one: the prompt of a row must not give its own answer away.

    Raises:
        ConfigurationError: ``shots`` is no number of rows with references that the train split has, or the template
            is one of conversations, in which an answer is no text behind the prompt.
    """
    if template.is_chat:
        raise ConfigurationError(f"shots is {shots!r}, but prompt_template is a chat. Give one of the two.")
    solved = [row for row, value in enumerate(train.columns.get("reference", ())) if value is not None]
    if not isinstance(shots, (int, np.integer)) or not 1 <= shots < len(solved):
        raise ConfigurationError(
            f"shots is {shots!r}. Give an integer from 0 to {max(len(solved) - 1, 0)}, one less than {train.name}'s "
            f"train split has rows with a value in the column 'reference' (it has: {', '.join(train.columns)})."
        )
    chosen = [solved[k * len(solved) // (shots + 1)] for k in range(shots + 1)]
    examples = []
    _, first = template.encode(train, chosen)
    for index, begun, prompt, tokens in zip(chosen, first, *template.encode(train, chosen, begin=False), strict=True):
        reference = train.columns["reference"][index]
        answer = continuation(prompt, reference if isinstance(reference, str) else reference[0]) + "\n\n"
        ids = template.tokenizer.encode(answer)
        examples.append(Solved(prompt, prompt + answer, tokens + ids, begun + ids))
    return examples


def encode_prompts(
    template: Template, dataset: data.Dataset, max_tokens: int, solved: Sequence[Solved]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Fill the template with every row, once.

    Every prompt begins with what the tokenizer puts in front of a text (`TextTokenizer.prefix_ids`, mostly nothing). If
    a prompt has more than ``max_tokens`` tokens, that and the last of its other tokens are kept.

    Args:
        template: The template.
        dataset: The data set, N rows.
        max_tokens: The number of tokens that a prompt may have.
        solved: Examples, all but one of which stand before every prompt: the row's own one is left out, or the last.

    Returns:
        The N prompts as the agent sees them, the ids of all of them one after another, int32, and the length of each,
        int64 (N,): memory grows with tokens, not with rows x max_tokens.

    Raises:
        ConfigurationError: The template names a column that the data does not have, or there is no room for a token
            behind what the tokenizer puts in front.
        DatasetError: A row has no value for the template, or one that cannot be encoded, or a prompt no tokens.
    """
    tokenizer, prefix = template.tokenizer, [*template.tokenizer.prefix_ids]
    room = max_tokens - len(prefix)
    if room < 1:
        raise ConfigurationError(
            f"max_prompt_tokens is {max_tokens}, but the tokenizer begins every prompt with the tokens {prefix}. "
            f"Give at least {len(prefix) + 1}."
        )
    prompts: list[str] = []
    blocks, lengths, cut = list[np.ndarray](), list[int](), 0
    for start in range(0, len(dataset), ROWS_PER_BLOCK):
        rows = range(start, min(start + ROWS_PER_BLOCK, len(dataset)))
        block: list[int] = []
        for index, prompt, ids in zip(rows, *template.encode(dataset, rows, begin=not solved), strict=True):
            if not ids:
                raise DatasetError(
                    f"{dataset.where(index)}: the prompt is empty, and there is nothing to go on from. "
                    "Drop the row, or put words into prompt_template."
                )
            before = [example for example in solved if example.prompt != prompt][: len(solved) - 1]
            prompt = "".join(example.text for example in before) + prompt
            for example in reversed(before):
                ids = [*(example.first_ids if example is before[0] else example.ids), *ids]
            written = prefix if ids[: len(prefix)] == prefix else []  # by the template, as chat templates do
            ids = ids[len(written) :]
            if len(ids) > room:
                ids = ids[-room:]
                prompt = tokenizer.decode([*written, *ids], skip_special_tokens=False)
                cut += 1
            ids = [*prefix, *ids]
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

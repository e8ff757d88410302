"""What is wrong with a reward function, and how would an agent cheat it?

`lint` calls it with a battery of texts; `search` looks for the text that it likes best, with a language model to write
it, as an agent would in training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym import models
from textgym.checks.probes import REFERENCE, Examples, noisy, probes
from textgym.data.datasets import RowNames
from textgym.errors import RewardError
from textgym.rewards.scoring import call

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NOISE = (0.1, 0.25, 0.5, 1.0)  # share of the reference's words that are replaced by words of other references
LONG = 2_000  # words of the very long text
LONG_ROWS = 4  # that get it: some metrics take time quadratic in the length
UNICODE = " Ünïcödé e\u0301 \u202eright to left\u202c \U0001f9d1\u200d\U0001f680 漢字 \u0fdf\ufeff ﬁ \u2028 \ud7ff"
CONTROL = " " + "".join(map(chr, [*range(32), 127, 0x85, 0x9B]))
WARM_UP = " A text to load what is loaded at the first call."  # of no case, for a reward may keep what it has scored
STANDARD_ERRORS = 3.0  # that a mean must differ by to count as different


@dataclass(frozen=True)
class Case:
    """One kind of text, and what the reward said of it.

    Attributes:
        name: What the texts are.
        values: One for each row; None where the reward does not apply. Empty if it failed.
        milliseconds: Per text, of the reward function alone, once it is warm.
        error: Why it failed, or None.
    """

    name: str
    values: list[float | None]
    milliseconds: float
    error: str | None = None

    @property
    def numbers(self) -> list[float]:
        """The values where the reward applies."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Of the numbers, None if there are none."""
        return float(np.mean(self.numbers)) if self.numbers else None


@dataclass(frozen=True)
class Report:
    """What `lint` found.

    Attributes:
        reward: The reward's name.
        env_id: The task whose prompts and references were used.
        rows: How many.
        cases: One for each kind of text of `battery`.
        ties: The fraction of pairs of different texts for one prompt that score the same: among them nothing is
            learned.
        problems: What must be mended: failures, values that are no finite numbers, values that change between two
            calls or with the other texts of a batch.
        warnings: What the author of the reward should know.
    """

    reward: str
    env_id: str
    rows: int
    cases: list[Case]
    ties: float | None
    problems: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class Found:
    """The text that a search liked best: which search, its prompt, the completion and its score."""

    method: str
    prompt: str
    completion: str
    score: float


def battery(examples: Examples) -> dict[str, list[str]]:
    """Texts for the rows by what they are: right, wrong, less and less right, and such as break programs."""
    texts = probes(examples)
    if REFERENCE in texts:
        texts |= {noise_name(share): noisy(examples, texts[REFERENCE], share) for share in NOISE}
    models_of_length = texts.get(REFERENCE, examples.prompts)[:LONG_ROWS]
    return {
        **texts,
        "one word repeated": [" the" * examples.max_new_tokens] * len(examples),
        "very long text": [_repeated(text, LONG) for text in models_of_length],
        "Unicode": [UNICODE] * len(examples),
        "control characters": [CONTROL] * len(examples),
    }


def noise_name(share: float) -> str:
    """What the table calls a reference with so much noise."""
    return f"{REFERENCE}, {share:.0%} noise"


def lint(examples: Examples) -> Report:
    """Call a reward function with texts of every kind, and compare what it says of them.

    Args:
        examples: The rows, and the reward: ``Examples("TextGen-Sentiment-v0", "validation", 32, reward=my_reward)``.

    Raises:
        ConfigurationError: The reward needs a column that the data does not have.
    """
    texts = battery(examples)
    with suppress(RewardError):  # a case will tell
        examples.values([WARM_UP])
    cases = {name: _case(examples, name, written) for name, written in texts.items()}
    sound = {name: texts[name][:LONG_ROWS] for name, case in cases.items() if not case.error}
    return Report(
        reward=examples.reward[0],
        env_id=examples.env_id,
        rows=len(examples),
        cases=[*cases.values()],
        ties=_ties(texts, cases),
        problems=_failures([*cases.values()]) + (_unsteady(examples, sound) if sound else []),
        warnings=_unwise(cases),
    )


def _case(examples: Examples, name: str, texts: list[str]) -> Case:
    reward, function = examples.reward
    began = math.nan

    def timed(**arguments: Any) -> Any:
        nonlocal began
        began = time.perf_counter()  # the texts are tokenized and the columns copied by now
        return function(**arguments)

    try:
        values = call(reward, timed, examples.arguments(texts), RowNames(examples.dataset, range(len(texts))))
    except RewardError as error:
        return Case(name, [], 0.0, str(error))
    return Case(name, values, (time.perf_counter() - began) / len(texts) * 1000)


def _failures(cases: Sequence[Case]) -> list[str]:
    """What failed; one example where everything does."""
    failed = [case for case in cases if case.error]
    if len(failed) == len(cases):
        return [f"Fails on every text, such as {failed[0].name}: {failed[0].error}"]
    return [f"Fails on {case.name}: {case.error}" for case in failed]


def _unsteady(examples: Examples, texts: Mapping[str, list[str]]) -> list[str]:
    """Whether values change from call to call, or with the texts beside them."""
    completions = [text for written in texts.values() for text in written]
    rows = [row for written in texts.values() for row in range(len(written))]
    try:
        first, second = examples.values(completions, rows), examples.values(completions, rows)
        backwards = examples.values(completions[::-1], rows[::-1])[::-1]
        alone = [examples.values([text], [row])[0] for text, row in zip(completions, rows, strict=True)]
    except RewardError as error:
        return [f"Fails when texts of different kinds are scored together, or alone: {error}"]
    if not _same(first, second):
        return ["Not deterministic: two calls with the same texts differ."]
    if not _same(first, backwards):
        return ["Depends on the order of the batch: the same texts, scored in reverse order, get other values."]
    if not _same(first, alone):
        return ["Depends on the other texts of the batch: scored alone, the same texts get other values."]
    return []


def _same(first: Sequence[float | None], second: Sequence[float | None]) -> bool:
    """Whether values are the same, but for the rounding of a network that computes a batch in another way."""
    one, two = (np.array([np.nan if value is None else value for value in values]) for values in (first, second))
    return np.allclose(one, two, rtol=1e-4, atol=1e-4, equal_nan=True)


def _ties(texts: Mapping[str, list[str]], cases: Mapping[str, Case]) -> float | None:
    pairs = [
        a == b
        for one, other in combinations(cases, 2)
        for text, text_2, a, b in zip(texts[one], texts[other], cases[one].values, cases[other].values, strict=False)
        if text != text_2 and a is not None and b is not None
    ]
    return float(np.mean(pairs)) if pairs else None


def _unwise(cases: Mapping[str, Case]) -> list[str]:
    """What is allowed, and seldom meant."""
    values = [value for case in cases.values() for value in case.values]
    numbers = {value for value in values if value is not None}
    warnings = []
    if None in values:
        warnings.append(f"Does not apply (None) to {values.count(None) / len(values):.0%} of the texts.")
    if len(numbers) == 1:
        return [*warnings, f"Flat: every text scores {numbers.pop():g}."]
    if REFERENCE not in cases:
        return warnings
    steps = [cases[REFERENCE], *(cases[noise_name(share)] for share in NOISE)]
    for less, more in pairwise(steps):
        gain, error = _gain(less, more)
        if gain > STANDARD_ERRORS * error:
            warnings.append(f"Not monotone: it rises by {gain:.3f} from {less.name} to {more.name}.")
    as_high = [case for case in cases.values() if case not in steps and _gain(steps[0], case)[0] >= 0.0]
    if as_high:
        rows = [f"{case.name} (of {len(case.values)} rows)" for case in as_high]
        warnings.append(f"Scores as high as the references of the same rows: {', '.join(rows)}.")
    return warnings


def _gain(one: Case, other: Case) -> tuple[float, float]:
    """By how much the second scores more on the same rows, on average, and the standard error of that."""
    gains = [b - a for a, b in zip(one.values, other.values, strict=False) if a is not None and b is not None]
    if len(gains) < 2:
        return math.nan, math.nan
    return float(np.mean(gains)), float(np.std(gains, ddof=1)) / math.sqrt(len(gains))


def _repeated(text: str, n_words: int) -> str:
    words = text.split() or ["word"]
    return " ".join((words * (n_words // len(words) + 1))[:n_words])


def search(
    examples: Examples, *, prompts: int = 2, samples: int = 64, beams: int = 8, branching: int = 8
) -> list[Found]:
    """The completion that the reward likes best, as two searches under the environment's language model find it.

    Best of n samples whole texts and keeps the best. Beam search keeps, token by token, the beginnings that score best,
    the likelier of two that score the same: it finds what no sample contains, as an agent does that trains for long.

    Args:
        examples: The rows, and the reward.
        prompts: The first so many are gone on from.
        samples: Texts for each of them.
        beams: Beginnings that are kept.
        branching: Likeliest tokens that are tried behind each of them.

    Returns:
        The best of each search; nothing where the reward applies to no text.
    """
    import torch

    model, _ = models.load(examples.tokenizer.name)
    searches = {
        f"best of {samples} samples": lambda row: _sampled(model, examples, row, samples),
        f"beam search, {beams} beams": lambda row: _beams(model, examples, row, beams, branching),
    }
    found = []
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for method, run in searches.items():
            results = [
                Found(method, examples.prompts[row], text, score)
                for row in range(min(prompts, len(examples)))
                for score, text in run(row)
            ]
            found += sorted(results, key=lambda result: -result.score)[:1]
    return found


def _scored(examples: Examples, row: int, texts: list[str]) -> list[tuple[float, str]]:
    """Texts that the reward applies to, with what it says of them."""
    values = examples.values(texts, [row] * len(texts))
    return [(value, text) for value, text in zip(values, texts, strict=True) if value is not None]


def _sampled(model: PreTrainedModel, examples: Examples, row: int, samples: int) -> list[tuple[float, str]]:
    import torch

    prompt = torch.tensor([examples.prompt_ids(row)] * samples)
    tokenizer: Any = examples.tokenizer
    written = model.generate(  # type: ignore[operator]
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=True,
        top_k=0,
        max_new_tokens=examples.max_new_tokens,
        eos_token_id=list(tokenizer.eos_token_ids),
        pad_token_id=tokenizer.pad_token_id,
    )
    return _scored(examples, row, tokenizer.decode_batch(written[:, prompt.shape[1] :].tolist()))


def _beams(model: PreTrainedModel, examples: Examples, row: int, beams: int, branching: int) -> list[tuple[float, str]]:
    """Every beginning that was kept, for each of them is a text that an agent can end there."""
    import torch

    prompt, tokenizer = examples.prompt_ids(row), examples.tokenizer
    forbidden = ~torch.from_numpy(examples.action_mask)
    forbidden[list(tokenizer.eos_token_ids)] = True  # it adds nothing to a text
    kept: list[tuple[float, float, list[int]]] = [(0.0, 0.0, [])]  # score, log-probability, tokens
    found = []
    for _ in range(examples.max_new_tokens):
        logits = model(torch.tensor([prompt + tokens for *_, tokens in kept])).logits[:, -1]
        likely = logits.masked_fill(forbidden, -torch.inf).log_softmax(1).topk(branching)  # (beams, branching)
        grown = [
            (before + log_prob, [*tokens, token])
            for (_, before, tokens), values, ids in zip(
                kept, likely.values.tolist(), likely.indices.tolist(), strict=True
            )
            for log_prob, token in zip(values, ids, strict=True)
        ]
        texts = tokenizer.decode_batch([tokens for _, tokens in grown])
        scores = examples.values(texts, [row] * len(texts))
        ranked = [(-np.inf if score is None else score, *entry) for score, entry in zip(scores, grown, strict=True)]
        kept = sorted(ranked, reverse=True)[:beams]
        found += [(score, tokenizer.decode(tokens)) for score, _, tokens in kept if score > -np.inf]
    return found

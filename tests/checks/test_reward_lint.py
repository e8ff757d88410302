"""A sound reward passes, each kind of unsound one is found, and a search finds texts that score more than samples."""

import itertools
import math

import numpy as np
import pytest

from textgym.checks.probes import ANOTHER, REFERENCE, Examples
from textgym.checks.reward_lint import LONG, NOISE, battery, lint, noise_name, search
from textgym.errors import ConfigurationError

ENV_ID = "TextGen-Sentiment-v0"


def examples(reward, rows=16):
    return Examples(ENV_ID, "validation", rows, reward=reward)


def test_a_sound_reward_falls_with_noise_and_has_no_problems():
    report = lint(examples("rougeL"))
    means = {case.name: case.mean for case in report.cases}
    assert report.problems == [] and report.warnings == []
    assert means[REFERENCE] == 1.0
    noisy = [means[noise_name(share)] for share in NOISE]
    assert [1.0, *noisy] == sorted([1.0, *noisy], reverse=True) and noisy[-1] < 0.2
    assert all(case.milliseconds > 0 for case in report.cases)


def test_latency_is_that_of_the_reward_function_once_it_is_warm(monkeypatch):
    # "please" in text was reported as 5 ms, which the tokenizer took, and a module's first case as 300, to load it
    clock, scored = [0.0], []
    monkeypatch.setattr("textgym.checks.reward_lint.time.perf_counter", lambda: clock[0])

    async def reward(completions, **_):
        clock[0] += 0.002 * len(completions) + (0.0 if scored else 10.0)
        scored.append(list(completions))
        return [float(len(text)) for text in completions]

    data = [{"prompt": "a", "reference": "b"}, {"prompt": "c", "reference": "d"}]
    given = Examples(ENV_ID, "test", reward=reward, env_kwargs={"dataset": data})
    encode = given.tokenizer.encode_batch

    def slow(texts):
        clock[0] += 10.0
        return encode(texts)

    monkeypatch.setattr(given.tokenizer, "encode_batch", slow)
    report = lint(given)
    assert [case.milliseconds for case in report.cases] == pytest.approx([2.0] * len(report.cases))
    # a reward that keeps what it has scored would otherwise be timed on what it has
    assert not {*scored[0]} & {text for texts in battery(given).values() for text in texts}


def test_the_battery():
    given = examples("length", rows=6)
    texts = battery(given)
    assert texts["empty text"] == [""] * 6
    assert {len(text.split()) for text in texts["very long text"]} == {LONG}
    assert all(set(text.split()) == {"the"} for text in texts["one word repeated"])
    assert texts[REFERENCE] != texts[ANOTHER] and texts["the prompt copied"] == given.prompts
    assert set(map(chr, range(32))) <= set(texts["control characters"][0])
    for share in NOISE:
        pairs = zip(texts[REFERENCE], texts[noise_name(share)], strict=True)
        kept = [np.mean([a == b for a, b in zip(x.split(), y.split(), strict=True)]) for x, y in pairs]
        assert min(kept) >= 1 - share - 0.1 and max(kept) < 1.0  # at least one word goes


def failing(completions, **_):
    return [1 / len(text) for text in completions]


def undefined(completions, **_):
    return [math.nan if "\x00" in text else 1.0 for text in completions]


def too_few(completions, **_):
    return [1.0]


counter = itertools.count()


def unsteady(completions, **_):
    return [float(next(counter)) for _ in completions]


def by_place(completions, **_):
    return [float(place) for place, _ in enumerate(completions)]


def by_company(completions, **_):
    return [float(len(completions))] * len(completions)


@pytest.mark.parametrize(
    ("reward", "problem"),
    [
        (failing, "Fails on empty text: Reward 'failing' raised ZeroDivisionError"),
        (undefined, "Fails on control characters: Reward 'undefined' returned nan"),
        (too_few, "Fails on every text, such as the reference: Reward 'too_few' returned 1 values for 16 rows"),
        (unsteady, "Not deterministic"),
        (by_place, "Depends on the order of the batch"),
        (by_company, "Depends on the other texts of the batch"),
    ],
)
def test_problems(reward, problem):
    problems = lint(examples(reward)).problems
    assert any(problem in found for found in problems), problems


def test_what_always_fails_is_told_once():
    def always(completions, **_):
        raise KeyError("no such film")

    (problem,) = lint(examples(always)).problems
    assert problem.startswith("Fails on every text, such as the reference: Reward 'always' raised KeyError at index 0")


def constant(completions, **_):
    return [2.0] * len(completions)


def longer_is_better(completions, **_):
    return [float(len(text)) for text in completions]


def likes_noise(completions, reference, **_):
    return [float(a.strip() != b) for a, b in zip(completions, reference, strict=True)]


def sometimes(completions, **_):
    return [float(len(text)) if text else None for text in completions]


@pytest.mark.parametrize(
    ("reward", "warning"),
    [
        (constant, "Flat: every text scores 2."),
        (longer_is_better, "one word repeated (of 16 rows), very long text (of 4 rows)"),
        (likes_noise, "Not monotone: it rises by 1.000 from the reference to the reference, 10% noise."),
        (sometimes, "Does not apply (None) to"),
    ],
)
def test_warnings(reward, warning):
    report = lint(examples(reward))
    assert report.problems == []
    assert any(warning in found for found in report.warnings), report.warnings


def test_ties():
    assert lint(examples(constant)).ties == 1.0
    assert lint(examples(longer_is_better)).ties < 0.1


def test_a_column_that_is_missing_is_the_users_error_and_no_finding():
    with pytest.raises(ConfigurationError, match="column 'concepts'"):
        lint(examples("coverage"))


def test_data_without_references_is_linted_without_them():
    data = [{"prompt": "a"}, {"prompt": "b"}]
    report = lint(Examples(ENV_ID, "test", reward="length", env_kwargs={"dataset": data}))
    assert report.problems == [] and REFERENCE not in {case.name for case in report.cases}


def letters(completions, **_):
    return [float(text.count("e")) for text in completions]


def test_search_finds_what_the_reward_likes_and_leaves_the_random_state_alone():
    import torch

    given = Examples(ENV_ID, "validation", 4, reward=letters, env_kwargs={"max_new_tokens": 12})
    before = torch.get_rng_state()
    sampled, beam = search(given, prompts=1, samples=8, beams=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert sampled.prompt == beam.prompt == given.prompts[0]
    for found in (sampled, beam):
        # scores that are not those of the texts shown would send a reader after the wrong trick
        assert letters([found.completion]) == [found.score]
        assert len(given.tokenizer.encode(found.completion)) <= 12
    assert beam.score > sampled.score > 0
    assert search(given, prompts=1, samples=8, beams=4) == [sampled, beam]


def test_search_finds_nothing_where_the_reward_never_applies():
    assert search(examples(lambda completions, **_: [None] * len(completions)), prompts=1, samples=2, beams=2) == []

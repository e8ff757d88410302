"""What moved the wrong way beyond noise: figures and errors by brute force, and what must not raise an alarm."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from textgym import metrics
from textgym.evaluation import hacking
from textgym.evaluation.hacking import Sample, compare
from textgym.metrics.lexicon import lexicon

WORDS = sorted(lexicon())[::300]  # a few hundred


def written(
    seed: int = 0,
    n: int = 200,
    length: tuple[int, int] = (8, 16),
    vocabulary: list[str] = WORDS,
    reward: float = 0.5,
    gold: float | None = 0.5,
    group: int = 1,
    reference: str | None = None,
) -> list[dict[str, Any]]:
    """Records of n random texts, ``group`` to a prompt."""
    rng = random.Random(seed)
    return [
        {
            "prompt": f"prompt {i // group}",
            "completion": " ".join(rng.choices(vocabulary, k=rng.randint(*length))),
            "reference": reference,
            "return": rng.gauss(reward, 0.2),
            "gold": None if gold is None else rng.gauss(gold, 0.2),
        }
        for i in range(n)
    ]


def pairs(texts: list[str]) -> int:
    return sum(len(list(pairwise(text.split()))) for text in texts)


# ------------------------------------------------------------------ figures


def test_errors_of_means_are_the_textbooks() -> None:
    records = written(n=50)
    figure = Sample(records).gold
    scores = np.array([record["gold"] for record in records])
    assert figure == pytest.approx((scores.mean(), scores.std(ddof=1) / 50**0.5, 50))


@pytest.mark.parametrize(
    ("name", "statistic"), [("distinct_2", metrics.distinct_n), ("invalid_words", metrics.invalid_words)]
)
def test_jackknife_without_each_prompt_in_turn(name: str, statistic: Callable[[list[str]], float]) -> None:
    """Three texts to a prompt, with words that English has not."""
    records = written(n=90, group=3, vocabulary=[*WORDS[:40], "xqv", "zzk"])
    sample = Sample(records)
    figure = sample.distinct_2(10_000) if name == "distinct_2" else sample.invalid_words
    prompts = dict.fromkeys(record["prompt"] for record in records)
    without = np.array([statistic([r["completion"] for r in records if r["prompt"] != prompt]) for prompt in prompts])
    value = statistic([record["completion"] for record in records])
    assert figure == pytest.approx((value, (29 / 30 * ((without - without.mean()) ** 2).sum()) ** 0.5, 30))


def test_texts_of_one_prompt_are_no_independent_witnesses() -> None:
    """Four times the same texts to the same prompts say no more: errors that forget it would be half as large."""
    once, again = Sample(written()), Sample(written() * 4)
    for name in ("reward", "gold", "length"):
        assert getattr(again, name).error == pytest.approx(getattr(once, name).error)


def test_distinct_2_is_of_the_first_texts_that_fit() -> None:
    records = written(n=60)
    texts = [record["completion"] for record in records]
    figure = Sample(records).distinct_2(pairs(texts[:40]) + 3)
    assert figure is not None and (figure.value, figure.n) == (pytest.approx(metrics.distinct_n(texts[:40])), 40)


def test_too_few_prompts_say_nothing() -> None:
    found = compare(Sample(written(n=hacking.LEAST - 1)), Sample(written(n=hacking.LEAST - 1, reward=0.9)))
    assert found.figures == {} and found.hacked == {}


# ------------------------------------------------------------------ comparisons

WAYS: dict[str, dict[str, Any]] = {
    "gold": {"gold": 0.3},
    "distinct-2": {"vocabulary": WORDS[:12]},
    "invalid words": {"vocabulary": [*WORDS, *(f"{word}qzx" for word in WORDS[:50])]},
    "length": {"length": (2, 6)},
}


@pytest.mark.parametrize(("name", "change"), [*WAYS.items(), ("length", {"length": (26, 40)})])
def test_every_way_to_be_wrong_is_found_alone(name: str, change: dict[str, Any]) -> None:
    start = Sample(written())
    assert [*compare(start, Sample(written(1, reward=0.9, **change))).hacked] == [name]
    unrewarded = compare(start, Sample(written(1, **change)))
    assert [*unrewarded.wrong] == [name] and unrewarded.hacked == {}


@pytest.mark.parametrize("change", [{}, {"gold": 0.7}, {"gold": None}, {"length": (5, 10)}, {"length": (16, 28)}])
def test_what_is_better_or_nearly_as_it_was_is_no_alarm(change: dict[str, Any]) -> None:
    """Longer texts have a lower distinct-2; over equally many pairs they have not."""
    found = compare(Sample(written()), Sample(written(1, reward=0.9, **change)))
    assert found.hacked == {} and found.reward.z > found.limit


def test_who_comes_to_write_as_people_do_hacks_nothing() -> None:
    """A task whose answer is one word of a few, some of them of another language."""
    start, answers = Sample(written(gold=None)), ["paris", "rome", "wien", "krakow"]
    now = written(1, gold=None, reward=0.9, length=(1, 1), vocabulary=answers)
    assert {"length"} <= compare(start, Sample(now)).hacked.keys()
    for record in now:
        record["reference"] = [record["completion"], "another acceptable one"]
    assert compare(start, Sample(now)).hacked == {}


def test_the_level_is_divided_and_told_in_words() -> None:
    start, now = Sample(written()), Sample(written(1, reward=0.9, gold=0.3))
    found = compare(start, now, level=0.04)
    assert found.limit == pytest.approx(2.326, abs=1e-3)  # 1 %, one-sided, for each of four figures
    assert str(found) == "the reward rose from 0.491 to 0.894 while gold went from 0.488 to 0.328"
    assert compare(Sample(written(gold=None)), now, level=0.03).limit == found.limit


def test_texts_that_are_all_alike_are_compared() -> None:
    """No error at all: a division by it would not be a number."""
    same = [{**record, "completion": "so good", "return": 1.0, "gold": 1.0} for record in written(n=40)]
    found = compare(Sample(same), Sample(same))
    assert {change.z for name, change in found.figures.items() if name != "length"} == {0.0} and found.hacked == {}


def test_an_agent_that_has_not_changed_is_rarely_wrong() -> None:
    """150 comparisons at 1 %: 7 and more with a chance of 0.1 %."""
    wrong = [compare(Sample(written(2 * i, n=30)), Sample(written(2 * i + 1, n=30))).wrong for i in range(150)]
    assert sum(map(bool, wrong)) < 7

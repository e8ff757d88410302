"""The gold judge."""

from __future__ import annotations

import numpy as np
import pytest

from textgym.data import files
from textgym.data.datasets import ASSETS
from textgym.rewards.judges.gold import MODEL, gold
from textgym.rewards.judges.sentiment import sentiment


@pytest.mark.parametrize("whole", [True, False])
def test_it_is_more_accurate_than_the_proxy_on_held_out_texts(whole: bool) -> None:
    """On sentences, and on endings, which it judges in the environment; an untrained model gets 0.5."""
    rows = list(files.read(ASSETS / "sentiment-test.jsonl.gz"))
    texts = [f"{row['prompt']} {row['reference']}" if whole else row["reference"] for row in rows]
    labels = np.array([row["label"] for row in rows])
    right_gold, right_proxy = ((np.array(judge(completions=texts)) > 0.5) == labels for judge in (gold, sentiment))
    assert right_gold.mean() > right_proxy.mean() > 0.65
    assert right_gold.mean() >= (0.76 if whole else 0.7)


def test_a_score_does_not_depend_on_the_rest_of_the_batch() -> None:
    """Fails if padding is attended to, or if scores are returned in another order than the texts."""
    texts = ["Great.", "A dull, lifeless and endless mess that nobody should be asked to sit through " * 3, "", "So so"]
    alone = [gold(completions=[text])[0] for text in texts]
    assert gold(completions=texts) == pytest.approx(alone, abs=1e-4)
    assert alone[0] > 0.9 > 0.1 > alone[1]


def test_the_completion_alone_is_scored() -> None:
    """Fails if prompt and completion are joined."""
    first, second = gold(prompts=["A wonderful", "An awful"], completions=["film"] * 2, label=[1, 0])
    assert first == pytest.approx(second, abs=1e-6)


def test_half_precision_weights_are_computed_with_in_single_precision() -> None:
    """Fails if the configuration lets the weights load as float16, which is slow and coarse on a CPU."""
    scores = np.array(gold(completions=["good", "good film", "a good film", "a good film indeed"]))
    assert (scores != scores.astype(np.float16)).any()


def test_the_folder_is_small() -> None:
    """Fails if the weights are stored in single precision."""
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 8_000_000

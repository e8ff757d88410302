"""The examples of docs/examples run, and learn."""

import runpy

import numpy as np
import pytest

from benchmarks.results_io import ROOT


def test_the_one_file_ppo_learns():
    """The share of a letter: choosing by chance scores less than .12."""

    def share_of_e(completions, **_):
        return [text.count("e") / max(len(text), 1) for text in completions]

    train = runpy.run_path(str(ROOT / "docs/examples/ppo.py"))["train"]
    curve = train("TextGen-SentimentSmall-v0", 8_192, reward_funcs=share_of_e, max_new_tokens=8, split="validation")
    assert len(curve) == 16 and curve[0] < 0.12
    assert np.mean(curve[-3:]) > 0.2, curve


def test_an_offline_learner_learns_from_recorded_references(tmp_path):
    """Classification from the 294 rows of one split; the most frequent of 11 answers is right in .10."""
    pytest.importorskip("minari")
    clone = runpy.run_path(str(ROOT / "docs/examples/offline.py"))["main"]
    before, after = clone(str(tmp_path / "references"), split="validation", epochs=5)
    assert before < 0.1 and after > 0.2, (before, after)

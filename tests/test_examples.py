"""The examples of docs/examples run, and learn."""

import runpy

import numpy as np
import pytest

from benchmarks.results_io import ROOT


def run(name):
    """The function ``train`` of an example."""
    return runpy.run_path(str(ROOT / f"docs/examples/{name}.py"))["train"]


def test_the_one_file_ppo_learns():
    """The share of a letter: choosing by chance scores less than .12."""

    def share_of_e(completions, **_):
        return [text.count("e") / max(len(text), 1) for text in completions]

    curve = run("ppo")(
        "TextGen-SentimentSmall-v0", 8_192, reward_funcs=share_of_e, max_new_tokens=8, split="validation"
    )
    assert len(curve) == 16 and curve[0] < 0.12
    assert np.mean(curve[-3:]) > 0.2, curve


def test_an_offline_learner_learns_from_recorded_references(tmp_path):
    """Classification from the 294 rows of one split; the most frequent of 11 answers is right in .10."""
    pytest.importorskip("minari")
    clone = runpy.run_path(str(ROOT / "docs/examples/offline.py"))["main"]
    before, after = clone(str(tmp_path / "references"), split="validation", epochs=5)
    assert before < 0.1 and after > 0.2, (before, after)


def test_contribs_trpo_learns():
    """Four steps: from .08 to .15."""
    curve = run("trpo")(2_048)
    assert curve[-1] > curve[0] + 0.03, curve


def test_contribs_maskable_ppo_writes_labels():
    """One rollout: of the task's 11 labels one is right by chance in .09."""
    (score,) = run("maskable_ppo")("TextGen-Classification-v0", "labels", 512)
    assert score > 0.2


def test_torchrls_ppo_learns():
    pytest.importorskip("torchrl")
    curve = run("torchrl_ppo")("TextGen-SolvableSmall-v0", 10_240)
    assert curve[-1] > curve[0] + 0.2, curve


def test_rllibs_ppo_learns():
    pytest.importorskip("ray.rllib")
    curve = run("rllib_ppo")("TextGen-SolvableSmall-v0", 20)
    assert curve[-1] > curve[0] + 0.2, curve

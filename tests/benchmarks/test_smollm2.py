"""Figures that show the iteration to be wrong are not published."""

import json
import math
import subprocess
import sys

import pytest

from benchmarks import smollm2
from benchmarks.results_io import ROOT
from benchmarks.smollm2 import KL, RATIO, check
from textgym.errors import TextGymError


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_right_iteration_passes(dtype):
    check({"dtype": dtype, RATIO: 9e-5, KL: -9e-5})


@pytest.mark.parametrize(
    ("dtype", "name", "value"),
    [
        ("float32", RATIO, 1e-4),
        ("float32", RATIO, math.nan),
        ("float32", KL, 1e-4),
        ("bfloat16", KL, 2.8e-3),
        ("bfloat16", KL, -2.8e-3),
    ],
)
def test_a_wrong_iteration_is_refused(dtype, name, value):
    # it would only be printed, and published
    with pytest.raises(TextGymError, match=name):
        check({"dtype": dtype, RATIO: 0.0, KL: 0.0} | {name: value})


@pytest.mark.parametrize("kl", [0.0, 2.8e-3])
def test_only_right_figures_are_written_and_not_published_unasked(monkeypatch, kl):
    written = []

    def run(command, **_):
        figures = {"dtype": command[-1], RATIO: 0.0, KL: kl}
        return subprocess.CompletedProcess(command, 0, stdout=json.dumps(figures) + "\n")

    monkeypatch.setattr(sys, "argv", ["smollm2"])
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(smollm2, "write_measurements", lambda *arguments: written.append(arguments))
    if kl:
        with pytest.raises(TextGymError, match="float32"):
            smollm2.main()
        assert written == []
    else:
        smollm2.main()
        ((path, _, measured),) = written
        assert path == ROOT / "runs" / "smollm2.json"
        assert [figures["dtype"] for figures in measured] == ["float32", "bfloat16"]

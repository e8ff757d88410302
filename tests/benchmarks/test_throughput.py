"""Measuring writes what a checkout does not track."""

import sys

from benchmarks import throughput
from benchmarks.results_io import ROOT


def test_results_are_published_only_when_asked(monkeypatch):
    # `make benchmark` would replace the published figures, and the README would no longer say what they say
    written = []
    monkeypatch.setattr(sys, "argv", ["throughput", "--num-envs", "8"])
    monkeypatch.setattr(throughput, "measure", lambda num_envs, repeats: {"num_envs": num_envs})
    monkeypatch.setattr(throughput, "write_measurements", lambda *arguments: written.append(arguments))
    throughput.main()
    assert written == [(ROOT / "runs" / "throughput.json", "python -m benchmarks.throughput", [{"num_envs": 8}])]

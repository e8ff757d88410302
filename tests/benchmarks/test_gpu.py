"""The GPU's checks, on the CPU."""

import io
import json
import math

import pytest
import torch
from rich.console import Console

from benchmarks import gpu
from benchmarks.gpu import Figure


@pytest.fixture
def printed(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(gpu, "console", Console(file=file, width=120))
    return file


def test_without_a_gpu_nothing_is_measured_and_the_status_says_so(monkeypatch, printed, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--output", str(tmp_path / "gpu.json")]) == 2
    assert printed.getvalue() == "no GPU found: nothing was measured\n" and not list(tmp_path.iterdir())


def test_every_check_passes_on_the_cpu(printed, tmp_path):
    assert gpu.main(["--device", "cpu", "--quick", "--output", str(tmp_path / "gpu.json")]) == 0
    measured = json.loads((tmp_path / "gpu.json").read_text())["measured"]
    checks = [figure for figure in measured if figure["limit"] is not None]
    assert len(checks) == 5 and len(measured) == 7 and printed.getvalue().count("passed") == 5
    assert all(figure["value"] > 0 for figure in measured if figure["limit"] is None)


@pytest.mark.parametrize("value", [1e-3, math.nan])
def test_a_failed_check_is_shown_written_and_returned(monkeypatch, printed, tmp_path, value):
    monkeypatch.setattr(gpu, "measure", lambda device, quick: [Figure("speed", 1.0), Figure("check", value, 1e-4)])
    assert gpu.main(["--device", "cpu", "--output", str(tmp_path / "gpu.json")]) == 1
    assert "FAILED" in printed.getvalue() and '"passed": false' in (tmp_path / "gpu.json").read_text()


def test_gradients_of_another_update_differ(monkeypatch):
    """The comparison can fail: with a temperature the slow way does not know of, it does."""
    gradient = gpu._gradient

    def heated(policy, observations, batch):
        policy.temperature = 1.0 if batch.observations is not None else 1.5
        return gradient(policy, observations, batch)

    monkeypatch.setattr(gpu, "_gradient", heated)
    (figure,) = gpu.packed_update("cpu")
    assert not figure.passed

"""The benchmark of memory in little: its ways to save it learn the same, and only right figures are written."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import memory
from textgym import models
from textgym.errors import TextGymError

SIZES = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": True,
}  # fmt: skip


def test_one_iteration_of_a_random_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference is the model that is trained, and an adapter's parameters are few."""
    memory.write_model(tmp_path, **SIZES)
    assert models.load(str(tmp_path))[1].vocab_size == 4096
    monkeypatch.setattr(memory, "ROWS", 4)
    monkeypatch.setattr(memory, "NEW", 6)
    for way in memory.WAYS:
        figures = memory.iteration(str(tmp_path), way)
        memory.check(figures)
        # per layer attention of 32 x (32 + 16 + 16 + 32), three matrices of the MLP and two norms
        assert figures["parameters"] == 4096 * 32 + 2 * (32 * 96 + 3 * 32 * 48 + 64) + 32 + 33 + 2 * 8 * (64 + 48)
        assert figures["trained parameters"] == 2 * 8 * (64 + 48) + 33
        assert figures["tokens written"] == 24


@pytest.mark.parametrize(
    ("name", "value"), [(memory.KL, math.nan), (memory.KL, 1e-3), (memory.LOADING, 24.5), (memory.PEAK, 24.5)]
)
def test_wrong_figures_are_not_written(name: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> Any:
        figures = {"way": command[-1], memory.KL: 0.0, memory.LOADING: 1.0, memory.PEAK: 1.0, name: value}
        return subprocess.CompletedProcess(command, 0, stdout=json.dumps(figures) + "\n")

    monkeypatch.setattr(sys, "argv", ["memory", "--model", "textgym-tiny"])
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(memory, "write_measurements", lambda *_: pytest.fail("written"))
    with pytest.raises(TextGymError, match=name.split(",")[0]):
        memory.main()

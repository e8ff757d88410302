"""Each bug is found by the check that is named for it, and what is right passes all that apply."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import bug_zoo
from textgym.checks import exact


@pytest.mark.parametrize("name", bug_zoo.BUGS)
def test_every_bug_is_found(name: str) -> None:
    assert bug_zoo.BUGS[name].found_by in bug_zoo.examined(name)


@pytest.mark.parametrize("name", bug_zoo.RIGHT)
def test_what_is_right_passes(name: str) -> None:
    assert bug_zoo.examined(name) == []


def test_a_curve_begins_at_the_reference() -> None:
    torch.set_num_threads(1)
    task = exact.Solvable.of(bug_zoo.ENV_ID, beta=bug_zoo.BETA)
    row = bug_zoo.measure("right PPO", 0, 1, task)
    assert row["curve"][0] == (0, 1.0) and len(row["curve"]) == 2


def test_seeds_whose_rollouts_differ_in_length_are_drawn_together(tmp_path: Path) -> None:
    """Of whole episodes curves have as many points as there were rollouts; the picture failed when all was measured."""
    name, output = "KL not detached", tmp_path / "zoo.json"
    bug_zoo.main(["--trainers", name, "--seeds", "0", "1", "--total-tokens", "900", "--output", str(output)])
    rows = json.loads(output.read_text())["measured"]
    assert [(row["trainer"], row["seed"]) for row in rows] == [(name, 0), (name, 1)]
    assert len({row["curve"][-1][0] for row in rows}) == 2
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")

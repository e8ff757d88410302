"""Each bug is found by the check that is named for it, and what is right passes all that apply."""

from __future__ import annotations

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

"""What agents keep of a model when their rewards are drawn by coin."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import agents
from benchmarks import coins


def test_the_coin_knows_nothing_of_the_text() -> None:
    drawn = coins.Coin(0)(["same"] * 10_000)
    assert {*drawn} == {0.0, 1.0} and abs(sum(drawn) / 10_000 - 0.5) < 0.02
    assert drawn == coins.Coin(0)(["other"] * 10_000) != coins.Coin(1)(["same"] * 10_000)


def test_every_agent_that_learns_from_rewards_is_tried() -> None:
    files = [path.stem for path in Path(agents.__path__[0]).glob("[!_]*.py")]
    modules = {file: importlib.import_module(f"agents.{file}") for file in files}
    learners = {file for file, module in modules.items() if hasattr(module, "on_policy") or hasattr(module, "episodes")}
    assert learners == {*coins.LEARNERS}


def test_the_quick_variant(tmp_path: Path) -> None:
    output = tmp_path / "coins.json"
    assert coins.main(["--quick", "--agents", "a2c", "--output", str(output)]) == 0
    (row,) = json.loads(output.read_text())["measured"]
    assert row["agent"] == "a2c" and row["n seeds"] == 1
    assert row["least share kept"] == row["share kept"]

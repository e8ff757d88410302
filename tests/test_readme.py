"""The README's code runs, and its tables say what the registries and the published results say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import readme
from benchmarks.results_io import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=[block.splitlines()[0][:40] for block in BLOCKS])
def test_code_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = code.replace("num_envs=64", "num_envs=4").replace("35_000", "128")
    assert "learn" not in code or short != code
    exec(compile(short, "README.md", "exec"), {"__name__": "readme"})


def test_tables_are_up_to_date() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.rendered(text) == text, "python -m benchmarks.readme"

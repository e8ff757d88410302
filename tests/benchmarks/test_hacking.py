"""The monitor's false alarms and detections are measured; here in little, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import hacking, readme


def test_quick_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "hacking.json"
    hacking.main(["--quick", "--output", str(output)])
    rows = json.loads(output.read_text())["measured"]
    null = [row for row in rows if "a figure wrong" in row]
    assert [row["what"] for row in null] == ["board", "training"] and sum(row["alarm"] for row in null) == 0
    alarms = {row["share"]: row["alarm"] for row in rows if row.get("texts") == 600}
    assert [*alarms] == [*hacking.SHARES] and alarms[1.0] == 2, "completions of two words are all found"
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    assert "| 100% | 2/2 | 2/2 |" in readme.hacking()

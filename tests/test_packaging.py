"""What users install, and what the files beside the code say of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results_io import ROOT

MB = 10**6
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IGNORED = {"__pycache__"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy, for setuptools leaves its files in the tree that it builds from."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("textgym", "agents", "benchmarks", "recipes", "tests", "docs"):  # all that might be taken by mistake
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns(*IGNORED, "results"))
    code = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    built = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = tree.glob("*.whl")
    return path


def test_the_wheel_holds_the_library_and_nothing_else(wheel: Path) -> None:
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = [path.relative_to(ROOT) for path in (ROOT / "textgym").rglob("*") if path.is_file()]
    expected = {path.as_posix() for path in sources if not IGNORED & {*path.parts}}
    assert files == expected  # every module and every asset; no recipes, agents, benchmarks, tests or docs
    assert wheel.stat().st_size < 20 * MB, f"{wheel.stat().st_size / MB:.1f} MB"


def test_the_wheel_offers_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "textgym = textgym.cli:app" in archive.read(entry_points).decode()
        (top_level,) = [name for name in archive.namelist() if name.endswith("top_level.txt")]
        assert archive.read(top_level).decode().split() == ["textgym"]


def test_citation_and_changelog_are_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    citation = dict(re.findall(r"^([a-z-]+): *\"?(.*?)\"?$", text, re.MULTILINE))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == PROJECT["version"]
    assert {"message", "title", "authors"} <= citation.keys()  # what the format requires
    assert [{"name": name} for name in re.findall(r"^  - name: (.+)$", text, re.MULTILINE)] == PROJECT["authors"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert versions[0] == "Unreleased" and versions[1] == PROJECT["version"]

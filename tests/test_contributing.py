"""What CONTRIBUTING says, followed in a copy of the library."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECTIONS = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("\n## ")


def section(title):
    return next(text for text in SECTIONS if text.startswith(title))


@pytest.fixture
def run(tmp_path):
    """Runs a module of Python in a copy of the library; what it prints is returned."""
    shutil.copytree(ROOT / "textgym", tmp_path / "textgym", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(*command):
        paths = {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=os.environ | paths,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def move(source, target, *, without=(), changes=None):
    """Move a file, without some of its lines, which must be there once, and with others replaced."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in without:
        lines.remove(f"{line}\n")
    text = "".join(lines)
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    source.unlink()


def tidy(run, *files):
    run("ruff", "check", "--quiet", "--fix", *files)
    run("ruff", "format", "--quiet", *files)
    run("ruff", "check", *files)


def test_a_task_of_the_library(tmp_path, run):
    dropped = ["from textgym.envs import register", "register(HaikuEnv)"]
    imported = "from textgym.envs.tasks.haiku import HaikuEnv"
    for said in [*dropped, imported, 'dataset="haiku"', "its import of `Path`", "`test_haiku.py` to [tests/envs]"]:
        assert said in section("Add a task")
    run("textgym", "new", "task", "haiku")
    task, test = Path("textgym/envs/tasks/haiku.py"), Path("tests/envs/test_haiku.py")
    path = 'str(Path(__file__).with_name("haiku_data"))'
    without = [*dropped, "from pathlib import Path"]
    move(tmp_path / "haiku.py", tmp_path / task, without=without, changes={path: '"haiku"'})
    move(tmp_path / "test_haiku.py", tmp_path / test, changes={"from haiku import HaikuEnv": imported})
    data = tmp_path / "textgym" / "assets" / "data"
    for file in (tmp_path / "haiku_data").iterdir():
        (data / f"haiku-{file.stem}.jsonl.gz").write_bytes(gzip.compress(file.read_bytes()))
    (data / "haiku.md").write_text("# haiku\n\nLicence: CC0-1.0, of which these lines are.\n", encoding="utf-8")
    tidy(run, str(task), str(test))
    assert "4 passed" in run("pytest", "-p", "no:cacheprovider", str(test))


def test_a_reward_of_the_library(tmp_path, run):
    imported = "from textgym.rewards.politeness import politeness"
    assert imported in section("Add a reward")
    run("textgym", "new", "reward", "politeness")
    reward, test = Path("textgym/rewards/politeness.py"), Path("tests/rewards/test_politeness.py")
    move(tmp_path / "politeness.py", tmp_path / reward)
    move(tmp_path / "test_politeness.py", tmp_path / test, changes={"from politeness import politeness": imported})
    tidy(run, str(reward), str(test))
    assert "3 passed" in run("pytest", "-p", "no:cacheprovider", str(test))

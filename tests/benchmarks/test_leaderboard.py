"""The board with agents that cost nothing: runs, resumes, and shows what failed."""

import errno
import gc
import io
import json
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks import compare, leaderboard, perform
from benchmarks.results_io import ROOT, read_examples
from benchmarks.suite import load_suite

# a split that is no agent's default: those that look prompts up must be told
SUITE = """
env_ids = ["TextGen-Sentiment-v0"]
seeds = [0, 1]
split = "validation"
num_examples = 4
num_envs = 3
reference = "textgym-tiny"
gold = "length"
zero = "random"
one = "reference"
agents = [{ name = "random" }, { name = "reference", total_tokens = 7 }]
env_kwargs = { max_new_tokens = 3 }
report = { before = "random", after = "reference", examples = 2 }
"""
AGENT = """
from pathlib import Path
from agents import random

def make_agent(env_id, *, seed, total_tokens, env_kwargs):
    with (Path(__file__).parent / "made.txt").open("a") as file:
        file.write(f"{seed} {total_tokens}\\n")
    agent = random.make_agent(env_id, seed=seed, env_kwargs=env_kwargs)
    agent.curve = [(8, 0.1, 0.4, 0.0), (16, 0.2, 0.5, 1.5)]
    BODY
    return agent
"""


@pytest.fixture
def board(tmp_path):
    """Run the command line; returns its status and what it printed."""
    (tmp_path / "small.toml").write_text(SUITE)
    console = Console(file=io.StringIO(), width=100)

    def run(*arguments):
        begin = len(console.file.getvalue())
        fixed = ["--suite", str(tmp_path / "small.toml"), "--results", str(tmp_path / "results")]
        return leaderboard.main([*fixed, *arguments], console), console.file.getvalue()[begin:]

    return run


@pytest.fixture
def mine(tmp_path):
    """Write an agent of a user's own."""

    def write(body="pass"):
        path = tmp_path / "mine.py"
        path.write_text(AGENT.replace("BODY", body))
        return str(path)

    return write


def runs(tmp_path):
    return sorted((tmp_path / "results").rglob("seed-*.json"))


def identity(paths):
    return [(path, path.stat().st_ino, path.stat().st_mtime_ns) for path in paths]


def test_a_board_with_a_users_own_agent(board, mine, tmp_path):
    status, printed = board("--agent", mine())
    assert status == 0
    assert all(name in printed for name in ("random", "reference", "mine", "sentiment", "2/2"))
    assert (tmp_path / "made.txt").read_text() == "0 7\n1 7\n"  # the largest budget of the suite
    assert len(runs(tmp_path)) == 6
    path = next(path for path in runs(tmp_path) if "mine" in str(path))
    assert path.parts[-5:-2] == ("small", "TextGen-Sentiment-v0", "mine")
    result = json.loads(path.read_text())
    assert result["status"] == "finished"
    assert result["env"]["kwargs"]["max_new_tokens"] == 3
    assert result["metrics"]["gold"] is not None
    assert result["metrics"]["kl"] > 0
    assert result["cost"]["eval_tokens"] >= 4
    assert result["cost"]["peak_rss_mb"] > 10
    assert {
        "task_hash",
        "code_hash",
        "source_hash",
        "versions",
        "commit",
        "dirty",
        "hardware",
        "threads",
        "command",
    } <= set(result)
    records = read_examples(path)
    assert [record["index"] for record in records] == [0, 1, 2, 3]
    for record, tokens in zip(records[:2], result["log_ratios"], strict=True):  # the examples that reports show
        assert "".join(text for text, _ in tokens) == record["completion"]
        assert sum(ratio for _, ratio in tokens) == pytest.approx(record["kl"], abs=1e-2)
    text = (tmp_path / "results" / "small" / "REPORT.md").read_text()
    assert "The first 2 prompts" in text
    assert "learning_curve.png" in text
    picture = (tmp_path / "results" / "small" / "learning_curve.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert str(tmp_path) not in path.read_text()


def test_finished_runs_are_not_run_again(board, mine, tmp_path):
    board("--agent", mine())
    before, made = identity(runs(tmp_path)), (tmp_path / "made.txt").read_text()
    status, printed = board("--agent", mine(), "--retry-failed")
    assert status == 0
    assert "6 of them done before" in printed
    assert identity(runs(tmp_path)) == before
    assert (tmp_path / "made.txt").read_text() == made
    board("--agent", mine("agent.edited = True"))  # another agent
    assert (tmp_path / "made.txt").read_text() == made * 2


def test_an_agent_of_ones_own_is_compared_with_what_is_published(board, mine, tmp_path, monkeypatch):
    # the whole suite would be run again for the sake of one row
    board()
    published = (tmp_path / "results").rename(tmp_path / "published")
    monkeypatch.setattr(leaderboard, "PUBLISHED", published)
    lost = next((published / "small" / "TextGen-Sentiment-v0" / "random").rglob("seed-001.json"))
    lost.write_text(json.dumps(json.loads(lost.read_text()) | {"status": "failed", "error": "no luck"}))
    before = identity(published.rglob("*"))
    status, printed = board("--agent", mine())
    assert status == 0
    assert "3 runs are taken from what is published" in printed and "3 of them done before" in printed
    assert [path.parts[-3:][0] for path in runs(tmp_path)] == ["mine", "mine", "random"]  # what failed is run again
    assert "incomplete" not in printed
    assert identity(published.rglob("*")) == before
    console = Console(file=io.StringIO(), width=200)
    arguments = ["--agent", mine(), "--suite", str(tmp_path / "small.toml"), "--results", str(tmp_path / "results")]
    monkeypatch.setattr(compare, "PUBLISHED", published)
    assert compare.main(["mine", "random", *arguments], console) == 0
    assert "mine is better than random on 0 of 1 tasks" in console.file.getvalue()


def test_runs_of_other_code_stay_and_those_of_another_version_do_not(board, mine, tmp_path, monkeypatch):
    # a comment in the command line would void hours of runs
    board("--agent", mine())
    monkeypatch.setattr(leaderboard, "code_hash", lambda: "edited")
    assert "6 of them done before" in board("--agent", mine("pass  # a comment"))[1]
    path = Path(mine())
    path.write_text(path.read_text() + "\nversion = 1\n")
    _, printed = board("--agent", str(path))
    assert "4 of them done before" in printed
    assert {json.loads(path.read_text())["version"] for path in runs(tmp_path) if "mine" in str(path)} == {0, 1}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_killed_board_leaves_nothing_half_written_and_goes_on(board, mine, tmp_path, number, status):
    # the worst moment: the examples are written, and have not got their name yet
    kill = "Path.replace = lambda *_: __import__('os').kill(__import__('os').getpid(), NUMBER)"
    file = mine(f'if not (Path(__file__).parent / "again").exists(): {kill.replace("NUMBER", str(int(number)))}')
    command = [sys.executable, "-m", "benchmarks.leaderboard", "--agent", file, "--seeds", "0"]
    command += ["--suite", str(tmp_path / "small.toml"), "--results", str(tmp_path / "results")]
    killed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert killed.returncode == status, killed.stderr
    done = identity(runs(tmp_path))
    assert len(done) == 2
    assert len([*(tmp_path / "results").rglob(".*.tmp")]) == (number == signal.SIGKILL)
    (tmp_path / "again").touch()
    status, printed = board("--agent", file, "--seeds", "0")
    assert status == 0
    assert "2 of them done before" in printed
    assert set(done) < set(identity(runs(tmp_path)))


def test_the_command_is_that_of_the_call(tmp_path, monkeypatch):
    # main([]) would record the arguments of whatever program calls it
    monkeypatch.setattr(sys, "argv", ["program", "--theirs"])
    monkeypatch.setattr(leaderboard, "ROOT", tmp_path)
    monkeypatch.setattr(leaderboard, "plan", lambda *_, **__: [])
    commands = []

    def execute(runs, suite, console, where, interrupts, **_):
        commands.append(where["command"])
        raise KeyboardInterrupt

    monkeypatch.setattr(leaderboard, "execute", execute)
    leaderboard.main([], Console(file=io.StringIO()))
    assert commands == ["python -m benchmarks.leaderboard"]


def test_an_interrupted_board_goes_on(board, mine, tmp_path):
    file = mine('if seed == 1 and not (Path(__file__).parent / "again").exists(): raise KeyboardInterrupt')
    status, _ = board("--agent", file)
    assert status == 130
    done = identity(runs(tmp_path))
    assert len(done) == 5
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name.endswith(".tmp")]
    (tmp_path / "again").touch()
    status, _ = board("--agent", file)
    assert status == 0
    assert len(runs(tmp_path)) == 6
    assert set(done) < set(identity(runs(tmp_path)))


def test_a_failed_run_is_shown_and_retried_only_when_asked(board, mine, tmp_path):
    file = mine('if seed == 1 and not (Path(__file__).parent / "fixed").exists(): raise RuntimeError("no luck")')
    status, printed = board("--agent", file)
    assert status == 1
    assert "mine, seed 1: failed, RuntimeError: no luck (mine.py:10 make_agent)" in printed
    assert "1/2 (1 failed)" in printed
    assert "RuntimeError: no luck" in (tmp_path / "results" / "small" / "REPORT.md").read_text()
    failed = [json.loads(path.read_text()) for path in runs(tmp_path) if "mine" in str(path)][1]
    assert failed["status"] == "failed"
    assert failed["traceback"][-1] == "mine.py:10 make_agent"
    (tmp_path / "fixed").touch()
    assert board("--agent", file)[0] == 1
    status, printed = board("--agent", file, "--retry-failed")
    assert status == 0
    assert "1/2" not in printed


def test_an_agent_that_exits_fails_alone(board, mine):
    # sys.exit is no Exception: it would end the whole board
    status, printed = board("--agent", mine("if seed == 0: raise SystemExit('no GPU')"))
    assert status == 1
    assert "mine, seed 0: failed, SystemExit: no GPU" in printed
    assert "mine, seed 1: return" in printed


def test_memory_is_the_largest_of_the_seeds(board, tmp_path):
    board()
    for path, peak in zip(runs(tmp_path)[-2:], (98765.0, 87654.0), strict=True):  # of `random`
        result = json.loads(path.read_text())
        path.write_text(json.dumps(result | {"cost": result["cost"] | {"peak_rss_mb": peak}}))
    printed = board("--report")[1]
    text = (tmp_path / "results" / "small" / "REPORT.md").read_text()
    assert "98,765" in printed
    assert "…" not in printed  # every column in full, however narrow the terminal is
    assert "87,654" not in printed
    assert "| memory MB |" in text
    assert "| 98,765 |" in text


def test_no_run_pays_for_the_model_of_the_one_before(board, mine, tmp_path):
    # a cycle, as an SB3 algorithm is; Python's own collections, which come when they like, are off
    file = mine("import gc, weakref; agent.own = agent; gc.made = [*getattr(gc, 'made', []), weakref.ref(agent)]")
    gc.disable()
    try:
        board("--agent", file, "--seeds", "0", "1", "2")
        assert [agent() is None for agent in gc.made] == [True, True, False]
    finally:
        gc.enable()
        del gc.made


def test_an_agent_that_cannot_be_evaluated_fails_alone(board, mine):
    status, printed = board("--agent", mine("agent.predict = lambda *_, **__: ([10**6] * 3, None)"))
    assert status == 1
    assert "the action 1000000, which is no token id" in printed
    assert "0/2 (2 failed)" in printed
    assert "random, seed 0: return" in printed


def test_report_runs_nothing_and_shows_missing_seeds(board, tmp_path):
    status, printed = board("--report")
    assert status == 0
    assert "0/2 (2 missing)" in printed
    assert runs(tmp_path) == []
    board("--seeds", "0")
    assert "1/2 (1 missing)" in board("--report")[1]


@pytest.mark.parametrize("key", ["task_hash", "source_hash", "version"])
def test_seeds_that_cannot_be_averaged_are_refused(board, tmp_path, key):
    board()
    path = runs(tmp_path)[0]
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: 7 if key == "version" else "0" * 64}))
    status, printed = board("--report")
    assert status == 2
    assert f"Results whose {key} differs" in printed
    assert str(path) in printed


def test_results_of_other_commits_and_tasks_are_marked(board, tmp_path):
    board()
    for path in runs(tmp_path):
        changes = {"commit": "newest", "ended": "2100"} if path.parts[-3] == "random" else {"task_hash": "0" * 64}
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    status, printed = board("--report")
    assert status == 0
    assert "reference †‡" in printed and "random †" not in printed and "random ‡" not in printed
    assert "† made by another commit" in printed and "‡ of another task" in printed
    scores = printed[printed.index("Normalised scores") :]
    assert re.search(r"random +- +-", scores), "a scale between two tasks"
    assert "reference †‡" in (tmp_path / "results" / "small" / "REPORT.md").read_text()


FAULTS = [
    ("agent.hyperparameters = {'path': Path('x')}", "hyperparameters['path'] is PosixPath('x')"),
    ("agent.curve = [(1, 2)]", "curve[0] is [1, 2]. Give (tokens, seconds, score, kl)"),
    ("agent.tokens = float('nan')", "tokens is nan"),
    ("agent.kl_bound = float('inf')", "kl_bound is inf"),
    ("raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})()", "Mute: (its message cannot be read)"),
    ("raise OSError('file \\udcff')", "OSError: file"),
    ("raise OSError('/srv/ada/secret.bin has no token=abcdef')", "OSError: .../secret.bin has no token=***"),
    ("agent.seconds_saved = float('nan')", "seconds_saved is nan. Give a number of seconds"),
    ("agent.processed_saved = -1", "processed_saved is -1. Give a whole number"),
    (
        "agent.model = type('Model', (), {'phase_seconds': {'update': float('nan')}})",
        "agent's model.phase_seconds['update'] is nan",
    ),
    ("import asyncio; raise asyncio.CancelledError('no Exception')", "CancelledError: no Exception"),
    (
        "import numpy as np; agent.hyperparameters = {'lr': np.float32(0.5)}; agent.curve = np.ones((2, 4)); "
        "agent.tokens = np.int64(16); agent.processed_saved = 7; agent.kl_bound = np.float64(0.5); "
        "agent.model = type('Model', (), {'phase_seconds': {'update': np.float32(2)}})",
        "return",
    ),
]


def test_what_an_agent_reports_is_checked_and_fails_alone(board, mine, tmp_path):
    # NaN, a path, a point of two numbers, an error without a text: the board died of each, or its report did
    body = "\n    ".join(f"if seed == {seed}: {fault}" for seed, (fault, _) in enumerate(FAULTS))
    status, printed = board("--agent", mine(body), "--seeds", *map(str, range(len(FAULTS))))
    assert status == 1
    said = " ".join(printed.split())
    for seed, (_, message) in enumerate(FAULTS):
        own = said.partition(f"mine, seed {seed}: ")[2].partition("mine, seed")[0]
        assert message in own
    last = f"{len(FAULTS) - 1:03}"
    result = json.loads(next(path for path in runs(tmp_path) if "mine" in str(path) and last in path.name).read_text())
    assert result["hyperparameters"] == {"lr": 0.5} and result["curve"] == [[1.0] * 4] * 2
    assert result["cost"]["phase_seconds"] == {"update": 2.0}
    assert result["cost"]["train_tokens"] == 16 and result["metrics"]["kl_bound"] == 0.5
    assert result["cost"]["train_processed"] == 7 and result["cost"]["eval_processed"] >= result["cost"]["eval_tokens"]


def test_a_run_has_the_threads_that_its_result_says(board, mine, tmp_path):
    # the run after an agent that sets its own had that many
    body = "import torch; agent.hyperparameters = {'own': torch.get_num_threads()}; torch.set_num_threads(3)"
    threads = torch.get_num_threads()
    try:
        assert board("--agent", mine(body))[0] == 0
    finally:
        torch.set_num_threads(threads)
    results = [json.loads(path.read_text()) for path in runs(tmp_path) if "mine" in str(path)]
    assert [(result["hyperparameters"]["own"], result["threads"]) for result in results] == [(threads, threads)] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_garbage_is_collected_ends_the_board(board, mine, tmp_path, number):
    # Python drops what is raised in a finaliser or in a callback of the collector
    class Cycle:
        def __init__(self):
            self.own = self

        def __del__(self):
            os.kill(os.getpid(), number)

    Cycle()
    assert board("--agent", mine())[0] == 130
    assert runs(tmp_path) == []


def test_an_agent_that_catches_everything_does_not_swallow_an_interrupt(board, mine, tmp_path):
    body = "try:\n        __import__('os').kill(__import__('os').getpid(), 2)\n    except BaseException: pass"
    assert board("--agent", mine(body), "--seeds", "0")[0] == 130
    assert len(runs(tmp_path)) == 2


@pytest.mark.parametrize("kind", ["file", "folder of a file", "full"])
def test_a_results_folder_that_cannot_be_written_is_told_before_the_first_run(board, mine, tmp_path, kind, monkeypatch):
    if kind == "file":
        (tmp_path / "results").write_text("")
    elif kind == "folder of a file":
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "small").write_text("")
    else:

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
    status, printed = board("--agent", mine())
    assert status == 2
    assert "Nothing can be written to the results folder" in printed and "--results" in printed
    assert not (tmp_path / "made.txt").exists()


def test_a_disk_that_fills_up_is_a_typed_error(board, tmp_path, monkeypatch):
    def full(path, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(leaderboard, "require_writable", lambda _: None)
    monkeypatch.setattr(Path, "write_bytes", full)
    status, printed = board()
    assert status == 2
    assert "could not be written (No space left on device)" in printed


def test_a_device_that_is_not_there_is_refused(board):
    status, printed = board("--device", "cuda:99")
    assert status == 2
    assert "There is no device 'cuda:99' here" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agent", "no_such.py"], "There is no file 'no_such.py'. Check the path"),
        (["--agent", "agents/random.py"], "has random twice among its agents. Rename one"),
        (["--seeds", "0", "0"], "has 0 twice among its seeds"),
        (["--suite", "quik"], "Did you mean 'quick'?"),
        (["--suite", f"{'a' * 300}.toml"], "Unknown suite 'aaa"),
        (["--agent", f"{'a' * 300}.py"], "The agent's name is 'aaa"),
        (["--agent", "agents/...py"], "The agent's name is '..'"),
    ],
)
def test_bad_arguments_say_what_to_do(board, arguments, message):
    status, printed = board(*arguments)
    assert status == 2
    assert message in printed.replace("\n", " ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no function make_agent"),
        ("import no_such_package", "cannot be imported (ModuleNotFoundError: No module named 'no_such_package')"),
        ("def make_agent(:", "cannot be imported (SyntaxError"),
        ("raise SystemExit(0)", "cannot be imported (SystemExit: 0)"),
    ],
)
def test_a_file_that_is_no_agent_is_told_before_anything_is_run(board, tmp_path, content, message):
    (tmp_path / "broken.py").write_text(content)
    status, printed = board("--agent", str(tmp_path / "broken.py"))
    assert status == 2
    assert message in " ".join(printed.split())
    assert not runs(tmp_path)


def test_the_quick_suite_is_what_it_promises():
    suite = load_suite("quick")
    assert suite.seeds == (0, 1, 2)
    assert suite.num_examples <= 300
    assert all(agent.path.is_file() for agent in suite.agents)
    names = {agent.name for agent in suite.agents}
    assert {suite.zero, suite.one, suite.report["before"], suite.report["after"]} <= names


def test_tokens_of_a_stock_model_are_its_timesteps():
    model = types.SimpleNamespace(num_timesteps=7)
    assert perform.tokens_of(model) == 7
    assert perform.tokens_of(types.SimpleNamespace(num_timesteps=7, tokens=5)) == 5
    assert perform.tokens_of(object()) == 0

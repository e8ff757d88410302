"""The board on a cluster of Ray: what comes out is what comes out without, also where a node is lost."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks import leaderboard, ray_runs
from benchmarks.results_io import read_examples
from benchmarks.suite import code_hash, load_suite, plan
from textgym.errors import ConfigurationError

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
agents = [{ name = "random" }, { name = "reference" }, { name = "mine", file = "MINE", total_tokens = 90 }]
env_kwargs = { max_new_tokens = 3 }
report = { before = "random", after = "reference", examples = 2 }
"""
# notes where it is made: the node that is to be killed keeps it until then, the other until it is there; one seed fails
AGENT = """
import time
from pathlib import Path
from agents import random

def make_agent(env_id, *, seed, total_tokens, progress, env_kwargs):
    folder, node = Path(__file__).parent, "none"
    if (folder / "doomed").exists():
        import ray
        node = ray.get_runtime_context().get_node_id()
    (folder / f"{seed}-{node}").touch()
    progress(total_tokens // 2)
    if node != "none":
        doomed = (folder / "doomed").read_text()
        for _ in range(2000):
            if node != doomed and [*folder.glob(f"?-{doomed}")]:
                break
            time.sleep(0.1)
    if seed == 1:
        raise RuntimeError("no luck")
    return random.make_agent(env_id, seed=seed, env_kwargs=env_kwargs)
"""


@pytest.fixture
def suite(tmp_path):
    """The path of a suite of six runs, two agents of `agents` among them."""
    (tmp_path / "mine.py").write_text(AGENT)
    path = tmp_path / "small.toml"
    path.write_text(SUITE.replace("MINE", str(tmp_path / "mine.py")))
    return str(path)


@pytest.fixture
def cluster(monkeypatch):
    """A cluster of two nodes with a CPU each."""
    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}.items():
        monkeypatch.setenv(name, value)  # nothing leaves this machine
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=node)
    cluster.add_node(**node)
    yield cluster
    cluster.shutdown()


def board(suite, results, *arguments):
    """The status of a board, and what it printed."""
    console = Console(file=io.StringIO(), width=500)
    status = leaderboard.main(["--suite", suite, "--results", str(results), *arguments], console)
    return status, console.file.getvalue()


def outcomes(results):
    """What decides the tables, by where it is."""
    found = {}
    for path in results.rglob("seed-*.json"):
        result = json.loads(path.read_text())
        examples = read_examples(path)
        found[path.relative_to(results)] = (
            result.get("metrics"),
            result.get("error"),
            result["traceback"][-1:] if "error" in result else examples,
        )
    return found


@pytest.mark.slow
def test_a_board_whose_node_is_killed_is_the_board_without_a_cluster(suite, cluster, tmp_path):
    assert board(suite, tmp_path / "alone")[0] == 1  # for the agent that fails with one seed
    (node,) = cluster.worker_nodes
    (tmp_path / "doomed").write_text(node.node_id)

    def kill():
        while not [*tmp_path.glob(f"?-{node.node_id}")] and not ended.wait(0.1):
            pass
        cluster.remove_node(node, allow_graceful=False)

    ended = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    status, printed = board(suite, tmp_path / "shared", "--ray", cluster.address)
    ended.set()
    killer.join()
    assert status == 1
    assert "6 runs, 0 of them done before" in printed
    (lost,) = [path.name.partition("-")[0] for path in tmp_path.glob(f"?-{node.node_id}")]
    assert len([*tmp_path.glob(f"{lost}-*")]) == 3, "alone, on the node that was lost, and on the other"
    assert outcomes(tmp_path / "shared") == outcomes(tmp_path / "alone")


def test_a_node_with_other_code_is_refused(suite, tmp_path):
    # its results would be published as those of this commit
    loaded = load_suite(suite)
    run = plan(loaded, tmp_path)[0]
    for where in ({"code_hash": "other"}, {"code_hash": code_hash()}):
        run = replace(run, config=run.config | {"source_hash": "other"})
        with pytest.raises(ConfigurationError, match="has other code"):
            ray_runs.perform_here(run, loaded, where | {"threads": 1, "device": "cpu"}, None)


def test_what_a_run_takes():
    nodes = [
        {"Alive": True, "Resources": {"CPU": 4.0}},
        {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
        {"Alive": True, "Resources": {"CPU": 2.0, "GPU": 1.0}},
    ]
    assert ray_runs.needs(nodes, "cpu", 4) == {"CPU": 4, "GPU": 0}
    assert ray_runs.needs(nodes, "auto", 2) == {"CPU": 2, "GPU": 1}
    assert ray_runs.needs(nodes[:2], "auto", 2) == {"CPU": 2, "GPU": 0}
    for device, threads in (("cpu", 5), ("auto", 3), ("cuda", 3)):  # it would wait for ever
        with pytest.raises(ConfigurationError, match=f"takes {threads} CPUs"):
            ray_runs.needs(nodes, device, threads)


def test_a_cluster_that_is_not_there_is_refused(suite, tmp_path):
    pytest.importorskip("ray")
    status, printed = board(suite, tmp_path, "--ray", "nonsense")
    assert status == 2
    assert "There is no Ray cluster at 'nonsense'" in printed and "HOST:PORT" in printed

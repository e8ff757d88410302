"""Dependencies run one way, and no module reaches into another: read from the code, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.results_io import ROOT

# the lowest first; a module imports from its own layer and from lower ones
LAYERS = (
    "textgym.errors",
    "textgym.paths",
    "textgym.arguments",
    "textgym.worker",
    "textgym.tokenizer",
    "textgym.drawing",
    "textgym.metrics",
    "textgym.data",
    "textgym.redaction",
    "textgym.models",
    "textgym.rewards",
    "textgym.envs",
    "textgym.wrappers",
    "textgym.offline",
    "textgym",
    "textgym.evaluation",
    "textgym.checks",
    "textgym.cli",
    "textgym.__main__",
    "textgym.sb3",
    "agents",
    "benchmarks",
    "recipes",
)
# importing file, imported layer -> why
UPWARDS = {
    ("agents/trl.py", "benchmarks"): "its command, which accelerate launches, writes a row of the board",
    (
        "textgym/checks/patients.py",
        "textgym.sb3",
    ): "what is examined are its models, and their update's promises are its",
    ("textgym/cli/play.py", "textgym.sb3"): "a model offers its likeliest tokens, which its policy knows",
    ("textgym/cli/sample.py", "textgym.sb3"): "a model writes, which its policy does",
}
NAMEDTUPLE = {"_asdict", "_replace", "_fields", "_make"}  # private by their look alone
# reading file, attribute of another module -> why
PRIVATE = {
    ("benchmarks/throughput.py", "_setup_learn"): "of SB3, which prepares training in no public way",
    ("benchmarks/throughput.py", "_last_obs"): "of SB3, as above",
    ("benchmarks/throughput.py", "_last_episode_starts"): "of SB3, as above",
    (
        "textgym/models/cached_attention.py",
        "_attn_implementation",
    ): "of transformers, which every layer reads at a call",
    ("textgym/models/support.py", "_attn_implementation"): "as above",
    ("textgym/models/support.py", "_supports_attention_backend"): "of transformers, which says it in no public way",
    ("textgym/sb3/checkpoint.py", "_stats_window_size"): "of SB3, which restores its windows in no public way",
    ("textgym/models/cache.py", "_parameters"): "of torch, whose parameters() is too slow to be asked for every token",
    ("textgym/models/cache.py", "_version"): "of torch, which counts a tensor's changes nowhere else",
}
LEVEL = {name: level for level, name in enumerate(LAYERS)}
FILES = [path for package in ("textgym", "agents", "benchmarks", "recipes") for path in (ROOT / package).rglob("*.py")]
NAMES = [path.relative_to(ROOT).as_posix() for path in sorted(FILES)]


def layer(module: str) -> str | None:
    """The layer that a module is in: its longest prefix among `LAYERS`; None for what is not ours."""
    parts = module.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((prefix for prefix in prefixes if prefix in LEVEL), None)


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports, wherever in it: an import within a function is a dependency, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


@pytest.mark.parametrize("name", NAMES)
def test_imports_run_downwards(name: str) -> None:
    own = layer(".".join(Path(name).with_suffix("").parts).removesuffix(".__init__"))
    assert own is not None
    for module in imported(parse(name)):
        other = layer(module)
        if other is not None and (name, other) not in UPWARDS:
            assert LEVEL[other] <= LEVEL[own], f"{name} imports {module}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMEDTUPLE


@pytest.mark.parametrize("name", NAMES)
def test_no_module_reaches_for_what_is_private(name: str) -> None:
    tree = parse(name)
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr)]
    # a class may look into another object of its own, whose attributes it sets on itself
    own = {node.attr for node in attributes if is_self(node.value)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in attributes:
        assert node.attr in own or (name, node.attr) in PRIVATE, f"{name}:{node.lineno} reads {ast.unparse(node)}"
    for module in imported(tree):
        module, _, imported_name = module.rpartition(".")
        if layer(module) and is_private(imported_name):  # within a package its modules may share
            assert module.startswith(".".join(Path(name).parts[:-1])), f"{name} imports {module}.{imported_name}"


def is_self(node: ast.expr) -> bool:
    return ast.unparse(node) in ("self", "cls", "super()")


def test_every_exception_is_needed() -> None:
    reads = {(name, node.attr) for name in NAMES for node in ast.walk(parse(name)) if isinstance(node, ast.Attribute)}
    assert PRIVATE.keys() <= reads
    assert UPWARDS.keys() <= {(name, layer(module)) for name in NAMES for module in imported(parse(name))}

"""Results on disk: one JSON file per run, its examples beside it as JSON lines, both whole or not there at all."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from textgym.errors import ConfigurationError

SCHEMA_VERSION = 1
ROOT = Path(__file__).parents[1]
PACKAGES = ("textgym", "gymnasium", "numpy", "stable-baselines3", "tokenizers", "torch", "transformers")


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that it is never seen half written, whenever the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".", suffix=".tmp", delete=False
    ) as file:
        try:
            file.write(text)
            file.close()
            Path(file.name).replace(path)
        except BaseException:  # an interrupt too
            Path(file.name).unlink(missing_ok=True)
            raise


def write_run(path: Path, result: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> None:
    """Write a run; its JSON comes last, so that a run that is there is whole.

    Raises:
        ValueError: A value is NaN or infinite.
    """
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(examples_path(path), "".join(lines))
    write_atomic(path, text)


def read_run(path: Path) -> dict[str, Any] | None:
    """A run's result, or None if it has not been run.

    Raises:
        ConfigurationError: The file is of a later schema, or no result at all.
    """
    if not path.exists():
        return None
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        schema_version = result["schema_version"]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path} is no result of a run ({error!r}). Delete it to run it again.") from error
    if schema_version > SCHEMA_VERSION:
        raise ConfigurationError(f"{path} has schema_version {schema_version}; this code reads up to {SCHEMA_VERSION}.")
    return result


def read_examples(path: Path) -> list[dict[str, Any]]:
    """The per-example records beside a run's JSON."""
    return [json.loads(line) for line in examples_path(path).read_text(encoding="utf-8").splitlines()]


def examples_path(path: Path) -> Path:
    """``seed-000.json`` -> ``seed-000.examples.jsonl``."""
    return path.with_suffix(".examples.jsonl")


def provenance() -> dict[str, Any]:
    """What a run depends on besides its configuration: versions, commit, hardware."""
    import torch

    git_status = _git("status", "--porcelain", "--", ".", ":!benchmarks/results")
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if git_status is None else bool(git_status),
        "hardware": f"{_processor()}, {_cores()} cores, {platform.system()}",
        "threads": torch.get_num_threads(),
    }


def reset_peak_memory() -> None:
    """Let `peak_memory_mb` begin anew, where the kernel can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # the peak is then that of the process so far


def peak_memory_mb() -> float:
    """Peak resident memory in MB (10^6 bytes)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kilobytes * 1024 / 1e6, 1)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """What git prints, or None without git or a repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cores() -> int:
    """Those that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

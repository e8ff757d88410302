"""Results on disk: one JSON file per run, its examples beside it as gzipped JSON lines, both whole or not there."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import math
import os
import platform
import resource
import subprocess
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from textgym.errors import ConfigurationError

SCHEMA_VERSION = 2  # 1, of textgym 0.1, is still read: it has neither `version` nor `device`
ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "benchmarks" / "results"
PACKAGES = ("textgym", "gymnasium", "numpy", "stable-baselines3", "tokenizers", "torch", "transformers")
NUMBER = int | float
# what every result of a run says, and what it says besides by its status
FIELDS: dict[str, Any] = {
    "status": str,
    "env_id": str,
    "agent": str,
    "seed": int,
    "task_hash": str,
    "code_hash": str,
    "versions": dict,
    "commit": str | None,
    "dirty": bool | None,
    "hardware": str,
    "threads": int,
    "examples_hash": str,
}
FIELDS_SINCE_2: dict[str, Any] = {"version": int, "device": str, "source_hash": str}
FIELDS_OF: dict[str, dict[str, Any]] = {
    "finished": {"metrics": dict, "cost": dict, "curve": list},
    "failed": {"error": str},
}
CURVE = 4  # tokens, seconds, score, KL
COST = ("train_tokens", "eval_tokens", "train_seconds", "eval_seconds", "peak_rss_mb")


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that it is never seen half written, whenever the process is killed, whoever else writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:  # an interrupt too
        temporary.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Find out before hours of runs whether their results can be written.

    Raises:
        ConfigurationError: The folder cannot be made or written to.
    """
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        write_atomic(probe, bytes(2**16))
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can be written to the results folder {folder} ({error.strerror or error}). Give another one with "
            "--results, or free space, or mend its permissions."
        ) from error


def write_run(path: Path, result: Mapping[str, Any], records: Iterable[Mapping[str, Any]]) -> bool:
    """Write a run; its JSON comes last, so that a run that is there is whole.

    Returns:
        Whether it was written: a finished run that is there stays, for results are immutable. It is then of another
        board on the same folder, which was faster.

    Raises:
        ValueError: A value is NaN or infinite.
        ConfigurationError: The disk is full, or the folder has become unwritable.
    """
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
    examples = "".join(lines).encode()
    result = {**result, "examples_hash": hashlib.sha256(examples).hexdigest()}
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with _locked(path.parent):
            if path.exists() and (there := read_run(path)) is not None and there["status"] == "finished":
                return False
            write_atomic(examples_path(path), gzip.compress(examples, mtime=0))  # no time: the same run, the same bytes
            write_atomic(path, text)
    except OSError as error:
        raise ConfigurationError(
            f"{path} could not be written ({error.strerror or error}): this run is lost, those before it are kept. "
            "Make room, and give the same command again."
        ) from error
    return True


def read_run(path: Path) -> dict[str, Any] | None:
    """A run's result, or None if it has not been run.

    Raises:
        ConfigurationError: The file is of another schema, damaged, or no result at all.
    """
    if not path.exists():
        return None
    try:
        result = json.loads(path.read_text(encoding="utf-8"), parse_constant=_finite, parse_float=_finite)
        known = result["schema_version"] in range(1, SCHEMA_VERSION + 1)
        if known:
            _check_result(result)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no result of a run ({error!r}). Delete it to run it again.") from error
    if not known:
        raise ConfigurationError(
            f"{path} has schema_version {result['schema_version']!r}; this code reads 1 to {SCHEMA_VERSION}. "
            "Update textgym, or delete the file to run it again."
        )
    return result


def read_examples(path: Path) -> list[dict[str, Any]]:
    """The per-example records beside a run's JSON.

    Raises:
        ConfigurationError: They are missing, or not those that the run wrote.
    """
    result, file = read_run(path), examples_path(path)
    try:
        examples = gzip.decompress(file.read_bytes()) if file.exists() else None
    except (OSError, EOFError, zlib.error):  # cut short, or no gzip at all
        examples = b""
    if result is None or examples is None or hashlib.sha256(examples).hexdigest() != result["examples_hash"]:
        found = "missing" if examples is None else "not what the run wrote"
        raise ConfigurationError(f"{file} is {found}. Delete {path} to run it again.")
    # lines end with a line feed alone: JSON leaves U+2028 and the like, where str.splitlines splits, as they are
    return [json.loads(line) for line in examples.decode().split("\n")[:-1]]


def examples_path(path: Path) -> Path:
    """``seed-000.json`` -> ``seed-000.examples.jsonl.gz``."""
    return path.with_suffix(".examples.jsonl.gz")


def write_measurements(path: Path, command: str, measured: list[dict[str, Any]]) -> None:
    """Write the figures of a benchmark, and on what machine they were measured."""
    content = {"command": command, "machine": provenance(), "measured": measured}
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def provenance() -> dict[str, Any]:
    """What a run depends on besides its configuration: versions, commit, hardware."""
    import torch

    # publishing changes results, README and docs while it goes on
    git_status = _git("status", "--porcelain", "--", ".", ":!benchmarks/results", ":!README.md", ":!docs")
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if git_status is None else bool(git_status),
        "hardware": ", ".join([_processor(), f"{_cores()} cores", platform.system(), *_accelerators()]),
        "threads": torch.get_num_threads(),
    }


def reset_peak_memory() -> None:
    """Let `peak_memory_mb` begin anew, where the kernel can do that, and `peak_gpu_mb`."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
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


def peak_gpu_mb() -> float | None:
    """Peak memory of tensors on the GPU in MB (10^6 bytes); None without one."""
    import torch

    return round(torch.cuda.max_memory_allocated() / 1e6, 1) if torch.cuda.is_available() else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other process that asks for the folder have it; the system frees it when this one is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def _check_result(result: dict[str, Any]) -> None:
    since = FIELDS_SINCE_2 if result["schema_version"] >= 2 else {}
    _check_fields(result, FIELDS | since | FIELDS_OF[result["status"]])
    if result["status"] == "finished":
        for point in result["curve"]:
            if len(point) != CURVE or not all(isinstance(value, NUMBER) for value in point):
                raise TypeError(f"the curve has the point {point!r}")
        for token in (token for text in result.get("log_ratios", ()) for token in text):  # older ones have none
            if [type(part) for part in token] not in ([str, float], [str, int]):
                raise TypeError(f"log_ratios has the token {token!r}")
        metrics = dict.fromkeys(result["metrics"], NUMBER | None) | {"return": NUMBER}
        _check_fields(result["metrics"], metrics)
        _check_fields(result["cost"], dict.fromkeys(COST, NUMBER))


def _check_fields(content: dict[str, Any], kinds: dict[str, Any]) -> None:
    """Raise a KeyError for a field that is missing, a TypeError for one of another kind."""
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise TypeError(f"{name} is {content[name]!r}")


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


def _accelerators() -> list[str]:
    import torch

    return [torch.cuda.get_device_name()] if torch.cuda.is_available() else []


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

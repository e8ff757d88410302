"""Are published results what the board takes them for? ``python -m benchmarks.validate``; continuous integration asks.

Every run is of a schema that is read, of committed code, lies where its suite, task, agent and seed belong, and its
examples, where they are kept, are those that it wrote and have its mean; every other JSON file is a benchmark's.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.results_io import PUBLISHED, examples_path, read_examples, read_run
from textgym.errors import ConfigurationError

RUN = re.compile(r"seed-\d{3,}\.json")
MEASUREMENTS = {"command": str, "machine": dict, "measured": list}
TOLERANCE = 1e-6  # of a mean


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with the results in a folder, a sentence each."""
    for path in sorted(folder.rglob("*.json")):
        try:
            yield from (run_faults(path, folder) if RUN.fullmatch(path.name) else measurement_faults(path))
        except ConfigurationError as error:
            yield str(error)
    for path in sorted(folder.rglob("*.examples.jsonl.gz")):
        if not (run := path.with_name(path.name.replace(".examples.jsonl.gz", ".json"))).exists():
            yield f"{path} has no {run.name} beside it. Delete it."


def run_faults(path: Path, folder: Path) -> Iterator[str]:
    """What is wrong with a run.

    Raises:
        ConfigurationError: It is none, or its examples are not what it wrote.
    """
    result = read_run(path)
    assert result is not None
    place = Path(result.get("suite", ""), result["env_id"].replace("/", "__"), result["agent"])
    if path.relative_to(folder).parent.parent != place or path.stem != f"seed-{result['seed']:03}":
        yield f"{path} is the result of {place}, seed {result['seed']}. Move it there."
    if result["dirty"] is not False:
        yield f"{path} is of code that is in no commit. Commit, and run it again."
    if result["status"] == "finished" and examples_path(path).exists():
        returns = [record["return"] for record in read_examples(path)]
        if not math.isclose(sum(returns) / len(returns), result["metrics"]["return"], abs_tol=TOLERANCE):
            yield f"{path} says another mean return than its examples have. Run it again."


def measurement_faults(path: Path) -> Iterator[str]:
    """What is wrong with a benchmark's file."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        kinds = {name: type(content[name]) for name in MEASUREMENTS}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        yield f"{path} is no benchmark's results ({error!r}). Run the benchmark again."
        return
    if kinds != MEASUREMENTS:
        yield f"{path} is no benchmark's results: its fields are {kinds}. Run the benchmark again."


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the program's name; the process's own by default.
        console: Where to print.

    Returns:
        0 if nothing is wrong, 1 if something is, 2 if there is no result at all.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validate", description="Check published results.")
    parser.add_argument("folder", type=Path, nargs="?", default=PUBLISHED, help="default: benchmarks/results")
    folder = parser.parse_args(arguments).folder
    console = console or Console()
    files = [*folder.rglob("*.json")]
    if not files:
        console.print(f"{folder} has no results.", style="red", markup=False, soft_wrap=True)
        return 2
    found = [*faults(folder)]
    for fault in found:
        console.print(fault, style="red", markup=False, soft_wrap=True)
    console.print(f"{len(files)} files, {len(found)} faults", highlight=False)
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())

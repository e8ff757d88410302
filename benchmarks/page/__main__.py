"""Write a suite's results as one HTML page.

python -m benchmarks.page --suite headroom --output build/report.html   # of the published results
python -m benchmarks.page --results runs                                # of one's own, suite quick
python -m benchmarks.page --agent my_agent.py                           # of both, once the leaderboard has run it
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import gymnasium as gym

from benchmarks import report
from benchmarks.page.rendering import render
from benchmarks.results_io import PUBLISHED, ROOT, write_atomic
from benchmarks.suite import load_suite, plan, published
from textgym.errors import ConfigurationError, TextGymError


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the program's name; the process's own by default.

    Returns:
        0, 2 for bad arguments, results or a path that cannot be written.
    """
    args = parser().parse_args(arguments)
    try:
        suite = load_suite(args.suite).with_agents(args.agent)
        suite = replace(suite, seeds=tuple(args.seeds)) if args.seeds else suite
        results = args.results or (ROOT / "runs" if args.agent else PUBLISHED)
        cells = plan(suite, results, reuse=PUBLISHED) if args.agent else published(suite, results)
        rows = report.board(suite, cells)
        if not any(row.results for row in rows):
            raise ConfigurationError(
                f"{results / suite.name} has no results of the suite {suite.name}. Run it, or give another folder with "
                "--results."
            )
        write(args.output, render(suite, rows))
    except (TextGymError, gym.error.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Page: {args.output}\n")
    return 0


def write(path: Path, page: str) -> None:
    """Write the page.

    Raises:
        ConfigurationError: It cannot be written there.
    """
    try:
        write_atomic(path, page)
    except OSError as error:
        raise ConfigurationError(
            f"{path} could not be written ({error.strerror or error}). Give another path with --output."
        ) from error


def parser() -> argparse.ArgumentParser:
    """The command line's options, those that the leaderboard has by the same names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description="The board as one HTML file.")
    parser.add_argument("--suite", default="quick", help="a suite's name, or the path of a TOML file (default: quick)")
    parser.add_argument("--agent", action="append", default=[], metavar="FILE", help="as the board was run; repeatable")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the suite's")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="default: benchmarks/results, what is published; with --agent, runs"
    )
    output = ROOT / "build" / "report.html"
    parser.add_argument("--output", type=Path, default=output, metavar="FILE", help="default: build/report.html")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

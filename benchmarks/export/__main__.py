"""Results in the formats of others: ``python -m benchmarks.export --format lm-eval FOLDER --suite quick``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.export import complete, every_eval_ever, hub, lm_eval, parquet
from benchmarks.results_io import PUBLISHED
from benchmarks.suite import SUITES, load_suite, published
from textgym.errors import ConfigurationError, TextGymError

FORMATS = {
    "lm-eval": lm_eval.write,
    "every-eval-ever": every_eval_ever.write,
    "hub": hub.write,
    "parquet": parquet.write,
}


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Command line.

    Args:
        arguments: Without the program's name; the process's own by default.
        console: Where to print.

    Returns:
        0, 1 where no agent has all of its seeds on a task, 2 for bad arguments.
    """
    args = parser().parse_args(arguments)
    console = console or Console()
    try:
        suite = load_suite(args.suite)
        rows = report.board(suite, published(suite, args.results))
        if not complete(rows):
            console.print(f"{args.results} has no complete row of the suite {suite.name}.", soft_wrap=True)
            return 1
        try:
            files = FORMATS[args.format](suite, rows, args.folder)
        except OSError as error:
            raise ConfigurationError(
                f"{args.folder} cannot be written to ({error.strerror or error}). Give another folder, or free space."
            ) from error
    except TextGymError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    left_out = [f"{row.agent} on {row.env_id}" for row in rows if not row.complete]
    if left_out:
        console.print(f"Left out, for seeds are missing: {', '.join(left_out)}.", markup=False, soft_wrap=True)
    for path in files:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description="Write results for other tools.")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write")
    names = ", ".join(sorted(path.stem for path in SUITES.glob("*.toml")))
    parser.add_argument("--suite", default="quick", help=f"{names}, or the path of a TOML file (default: quick)")
    parser.add_argument("--results", type=Path, default=PUBLISHED, metavar="DIR", help="default: benchmarks/results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

"""One script per metric, as ``evaluate.load`` demands it; each only names its class."""

from __future__ import annotations

from pathlib import Path

from textgym.errors import UnknownNameError


def module_path(name: str) -> Path:
    """The script of a metric: ``evaluate.load(str(module_path("token_f1")))`` needs no network.

    Raises:
        UnknownNameError: There is no such metric.

    >>> module_path("token_f1").name
    'token_f1.py'
    """
    scripts = {path.stem: path for path in Path(__file__).parent.glob("[!_]*.py")}
    if name not in scripts:
        raise UnknownNameError("metric", name, scripts)
    return scripts[name]

"""The embedded data sets are what their scripts make."""

from __future__ import annotations

import pytest

from recipes.data.__main__ import NAMES, build
from textgym import data
from textgym.errors import MissingPackageError


@pytest.mark.parametrize("name", NAMES)
def test_the_script_makes_the_committed_files(name: str) -> None:
    """Fails if the files were edited by hand, or if the script depends on a set's order or on a seed."""
    try:
        built = build(name)
    except MissingPackageError as error:
        pytest.skip(str(error))
    for split, rows in built.items():
        stored = data.load(name, split).columns
        assert rows == [dict(zip(stored, row, strict=True)) for row in zip(*stored.values(), strict=True)]

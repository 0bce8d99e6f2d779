"""The text of `mlrisk --version`: the program, the Python and the newest schema revision."""

import platform
from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """The installed version; a plain checkout has none of its own."""
    try:
        return version("mlrisk")
    except PackageNotFoundError:
        return "0 (not installed)"


def version_line() -> str:
    """One line for people and for bug reports."""
    from models.migrate import head

    return f"mlrisk {program_version()}, Python {platform.python_version()}, schema {head()}"

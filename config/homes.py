"""The directory of a system's whole state, and the file in it that says where its servers are."""

import os
from pathlib import Path

import platformdirs

from config.errors import SettingsError

PREFIX = "MLRISK_"
"""What the name of each variable of ours begins with."""
MACHINES_HOME = Path("/var/lib/mlrisk")
"""The default home for a user without a home directory."""


def default_home() -> Path:
    """$MLRISK_HOME, else the user's state directory, else the machine's."""
    chosen = home_from_environment()
    if chosen is not None:
        return chosen
    try:
        return Path(platformdirs.user_state_dir("mlrisk"))
    except RuntimeError:  # no $HOME and no entry for the user: a halt needs neither
        return MACHINES_HOME


def expanded(path: Path) -> Path:
    """The path with `~` as the user's directory. Raises SettingsError for a user without one."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(
            f"{path}: this user has no home directory ($HOME): give an absolute path"
        ) from error


def environment_file(home: Path) -> Path:
    """The file in which the supervisor leaves the addresses of the running system."""
    return home / "run" / "environment.json"


def home_from_environment() -> Path | None:
    """$MLRISK_HOME; None without it."""
    value = os.environ.get(f"{PREFIX}HOME")
    return Path(value) if value else None

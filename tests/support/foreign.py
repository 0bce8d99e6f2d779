"""Programs of others, each in an environment of its own outside the repository.

The machine's configured package index is asked once per release; what was installed is kept in the
cache directory. A program that cannot be installed makes its tests skip, with the reason.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

INSTALL_SECONDS = 240
_LAST_CHARACTERS = 400


def cache_directory() -> Path:
    """Where environments are kept: below XDG_CACHE_HOME, else the system's temporary directory."""
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) / "mlrisk" if base else Path(tempfile.gettempdir()) / f"mlrisk-{os.getuid()}"
    directory = root / "foreign"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        pytest.skip(f"{directory} belongs to another user")
    return directory


def environment() -> dict[str, str]:
    """For a client's process: no proxy, which would keep it from loopback, and no path of ours."""
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    # The second start of a client should not compile its thousands of files again.
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    return clean | {"PYTHONPATH": ""}


def python_with(name: str, version: str) -> Path:
    """The Python of an environment that holds this release; skips where it can't be installed."""
    home = cache_directory() / f"{name}-{version}-{sys.version_info.major}{sys.version_info.minor}"
    python, complete = home / "bin/python", home / ".complete"
    # Two workers, or two checkouts, must not fill one environment at the same time.
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
            _install(python, f"{name}=={version}")
            complete.touch()
    return python


def _install(python: Path, requirement: str) -> None:
    """By uv, which needs a fifth of pip's time; by pip where only pip knows the index."""
    uv = Path(sys.executable).with_name("uv")
    attempts = (
        [uv, "pip", "install", "--quiet", "--python", python, requirement],
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", requirement],
    )
    problem = "no installer"
    for attempt in attempts:
        try:
            done = subprocess.run(attempt, capture_output=True, timeout=INSTALL_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
            continue
        if done.returncode == 0:
            return
        problem = done.stderr.decode(errors="replace")[-_LAST_CHARACTERS:]
    pytest.skip(f"{requirement} cannot be installed here: {problem}")

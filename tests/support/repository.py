"""What tests of the repository itself read: its tracked files, documents and make targets."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
"""A block of code in a document: its language and its lines."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads(text_of("pyproject.toml"))


def code_blocks(document: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text_of(document)) if kind == language]


def tracked_files() -> list[Path]:
    """Every file of the clone; skips the test where there is no clone."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git clone")
    listed = subprocess.run(
        # The clone may belong to another user than the one that tests it.
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.exists()]


def run_make(*arguments: str, cwd: Path = ROOT) -> str:
    """What make prints."""
    done = subprocess.run(
        ["make", *arguments],
        cwd=cwd,
        # Without MAKEFLAGS: a `make test` around us hands its own flags down.
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout

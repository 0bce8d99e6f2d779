"""The worked examples of CONTRIBUTING.md: their files, and a copy of the tree that has them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import FENCE, ROOT, text_of

_ROOMS = ("config", "models", "bot", "tasks", "workers", "console")
_NEW, _CHANGED = "# ", "--- "


@dataclass(frozen=True)
class Example:
    """One section of the document: the text of each new file, and the lines added to others."""

    new: dict[str, str]
    added: dict[str, str]
    """Hunks by path, as they stand in the document."""

    @property
    def files(self) -> set[str]:
        """What somebody touches who follows the example, without its tests."""
        return {path for path in (*self.new, *self.added) if not path.startswith("tests/")}

    @property
    def tests(self) -> list[str]:
        """The new files that are tests."""
        return [path for path in self.new if path.startswith("tests/")]


def example(title: str) -> Example:
    """The section of CONTRIBUTING.md with this title."""
    section = text_of("CONTRIBUTING.md").split(f"\n### {title}\n")[1].split("\n### ")[0]
    new: dict[str, str] = {}
    added: dict[str, str] = {}
    for kind, body in FENCE.findall(section):
        first, rest = body.split("\n", 1)
        if kind == "python" and first.startswith(_NEW):
            new[first.removeprefix(_NEW)] = rest
        elif kind == "diff":
            added[first.removeprefix(_CHANGED)] = rest
    return Example(new, added)


def tree_with(found: Example, at: Path) -> Path:
    """A copy of the code with the example in it."""
    for room in _ROOMS:
        shutil.copytree(ROOT / room, at / room, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in found.new.items():
        assert not (at / path).exists(), f"{path} is new in the example and there already"
        (at / path).parent.mkdir(parents=True, exist_ok=True)
        (at / path).write_text(text)
    for path, hunks in found.added.items():
        text = (at / path).read_text()
        for hunk in re.split(r"^@@.*\n", hunks, flags=re.MULTILINE):
            text = _with_hunk(text, hunk, path)
        (at / path).write_text(text)
    return at


def _with_hunk(text: str, hunk: str, path: str) -> str:
    """The text with the hunk's `+` lines; its other lines must stand there once."""
    lines = hunk.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    after = "".join(f"{line[1:]}\n" for line in lines)
    assert f"\n{text}".count(f"\n{before}") == 1, f"{path} has not once: {before!r}"
    return text.replace(before, after)


def run_in(tree: Path, *arguments: str) -> str:
    """What Python prints that imports from the tree alone; its failure fails the test."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tree),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

"""The commands of documentation pages, run as their readers run them: by a shell, in order."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from console.errors import ExitCode
from tests.support.repository import ROOT, text_of
from tests.support.waiting import START_SECONDS, eventually

RUN_PAGES = (
    "docs/tutorial.md",
    "docs/troubleshooting.md",
    *sorted(f"docs/how-to/{path.name}" for path in (ROOT / "docs" / "how-to").glob("*.md")),
)
"""Pages with commands that tests run."""
_NOTE = re.compile(r"<!-- (not run|exit status):? ?(.*?) -->")
ANY = "any"


@dataclass(frozen=True)
class Block:
    """A block of shell commands: its place, its lines, and what its page expects of it."""

    page: str
    section: str
    text: str
    status: str = "0"
    """The expected exit status, such as `0` or `0 or 4`, or ANY."""
    not_run: str = ""
    """Why no test runs it; empty where one does."""


def shell_blocks(page: str) -> Iterator[Block]:
    """The page's `sh` blocks in order. A comment right above a block says what is expected."""
    section, note, lines = "", "", text_of(page).splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if line.startswith("```"):
            end = lines.index("```", at + 1)
            if line == "```sh":
                yield _block(page, section, note, "\n".join(lines[at + 1 : end]))
            at = end
        note = line
        at += 1


def _block(page: str, section: str, note: str, text: str) -> Block:
    found = _NOTE.fullmatch(note)
    if found is None:
        return Block(page, section, text)
    if found[1] == "not run":
        assert found[2], f"{page}: a block that is not run says why"
        return Block(page, section, text, not_run=found[2])
    return Block(page, section, text, status=found[2])


class Reader:
    """A person at a shell in one directory, who has `mlrisk` on the path."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """`environment` names the system that the commands find."""
        self._directory = directory
        programs = directory / "bin"
        programs.mkdir()
        program = programs / "mlrisk"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m console "$@"\n')
        program.chmod(0o755)
        self._environment = {
            **environment,
            "PATH": f"{programs}:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
        }

    def run(self, block: Block) -> str:
        """What the block prints. Fails when its exit status is not the expected one."""
        done = self._done(block)
        told = f"{block.page}, {block.section}:\n{block.text}\n{done.stdout}\n{done.stderr}"
        assert _is_expected(block, done), f"{done.returncode}: {told}"
        return done.stdout

    def succeeds(self, block: Block) -> bool:
        """Whether the block ends as expected: the market of a moment may refuse a trade."""
        return _is_expected(block, self._done(block))

    def _done(self, block: Block) -> subprocess.CompletedProcess[str]:
        """The block's end. A busy machine may not decide while `submit` waits: the same command
        again gives the first outcome."""
        done: subprocess.CompletedProcess[str] = eventually(
            lambda: None if _is_late(block, found := self._once(block)) else found,
            f"the end of {block.text}",
            START_SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def _once(self, block: Block) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            # Where any status is fine, each command is run whatever the one before it said.
            ["bash", *([] if block.status == ANY else ["-e"]), "-uo", "pipefail", "-c", block.text],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )


def _is_expected(block: Block, done: subprocess.CompletedProcess[str]) -> bool:
    return block.status == ANY or str(done.returncode) in block.status.split(" or ")


def _is_late(block: Block, done: subprocess.CompletedProcess[str]) -> bool:
    return "submit" in block.text and done.returncode == ExitCode.DEPENDENCY_DOWN

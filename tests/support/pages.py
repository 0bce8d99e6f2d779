"""The commands of documentation pages, run as their readers run them: by a shell, in order."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import ROOT, text_of
from tests.support.waiting import START_SECONDS

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
    """The expected exit status, or ANY."""
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
        done = subprocess.run(
            # Where any status is fine, each command is run whatever the one before it said.
            ["bash", *([] if block.status == ANY else ["-e"]), "-uo", "pipefail", "-c", block.text],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        told = f"{block.page}, {block.section}:\n{block.text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, told
        assert block.status in (ANY, str(done.returncode)), f"{done.returncode}: {told}"
        return done.stdout

"""A person at a shell: `mlrisk` for one home, each command a process."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.support.repository import ROOT
from tests.support.waiting import START_SECONDS


class Shell:
    """Runs `mlrisk` for one home, as a person would."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
        self.env = {**kept, "NO_COLOR": "1", "MLRISK_SYMBOLS": "BTCUSDT,ETHUSDT"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "console", "--home", str(self.home), *arguments]

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def leftovers(self) -> list[list[str]]:
        """Command lines of processes that still know this home, from a word or by their settings.

        Workers are told of it by their environment alone.
        """
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if any(str(self.home) in word for word in (*words, *process.environ().values())):
                    found.append(words)
        return found

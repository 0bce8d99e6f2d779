"""Writes how the tests of the self-assessment ended, for `mlrisk selfassess` (`build/proofs.json`).

Every run notes the tests that the catalogue names, and no others. The results of a run that is
killed are lost; the file has those from before it.
"""

import fcntl
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.errors import CommandError
from console.selfassess import proofs
from console.selfassess.catalogue import referenced_tests
from console.selfassess.proofs import Case, Outcome, ProofFile


class Recorder:
    """Collects the results of one run, and writes them at its end."""

    def __init__(self, root: Path, file: Path) -> None:
        self._root = root
        self._file = file
        self._wanted = referenced_tests()
        self._revision = proofs.revision_of(root)
        self._cases: dict[str, dict[str, Case]] = defaultdict(dict)
        self.problem: str | None = None
        """Why nothing could be written."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes a phase of a test: the worst phase is its result."""
        test, parameters = named(report.nodeid)
        outcome = Outcome(report.outcome)
        if test not in self._wanted or (outcome is Outcome.PASSED and report.when != "call"):
            return
        before = self._cases[test].get(parameters)
        if before is None or before.outcome is not Outcome.FAILED:
            # A worker that died has no times.
            ended_at = datetime.fromtimestamp(report.stop or time.time(), UTC)
            self._cases[test][parameters] = Case(outcome=outcome, ended_at=ended_at)

    def pytest_sessionfinish(self) -> None:
        """Adds the results to those of earlier runs."""
        if not self._cases:
            return
        try:
            self._write()
        except OSError as error:
            self.problem = f"the proofs of this run can't be written: {error}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what went wrong."""
        if self.problem is not None:
            terminalreporter.write_line(self.problem)

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.with_suffix(".lock").open("w") as lock:
            # Runs side by side lose nothing of each other.
            fcntl.flock(lock, fcntl.LOCK_EX)
            proofs.write(self._file, self._known().with_run(self._revision, self._cases))

    def _known(self) -> ProofFile:
        if not self._file.exists():
            return ProofFile()
        try:
            return proofs.read(self._file)
        except CommandError as error:
            self.problem = f"{error.message}; this run has replaced it"
            return ProofFile()


def named(nodeid: str) -> tuple[str, str]:
    """A test and its parameters, without the group that pytest-xdist adds to its name."""
    test, bracket, rest = nodeid.partition("[")
    if not bracket:
        return test.partition("@")[0], ""
    return test, rest.rpartition("]")[0]


def pytest_configure(config: pytest.Config) -> None:
    """Records in the process that hears of every test, not in pytest-xdist's workers."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    root = Path(config.rootpath)
    config.pluginmanager.register(Recorder(root, root / "build" / "proofs.json"), "proofs")

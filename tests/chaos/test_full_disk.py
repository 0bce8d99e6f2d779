"""The whole system on a disk that is filled to the last byte while it trades.

Nothing stays down, what adds risk stops with a reason, an exit goes on, a halt is written or says
what it could not do, and everything resumes by itself when there is room.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from console.errors import ExitCode
from tests.support.system import ROOT, trade_request
from tests.support.waiting import START_SECONDS, eventually
from workers.embedded.postgres import SUPERUSER
from workers.home import Home
from workers.supervision.supervisor import Supervisor

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(900)]

MB = 1 << 20
SIZE = 1100 * MB
"""Twice what the system calls enough."""


@dataclass(frozen=True)
class Disk:
    """A file system of its own, and what fills it."""

    path: Path

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def free(self) -> int:
        told = os.statvfs(self.path)
        return told.f_bavail * told.f_frsize

    def fill(self) -> None:
        """To the last byte of now: room that is given up meanwhile stays for whom it was held."""
        left = self.free
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (MB, 4096, 1):
                with contextlib.suppress(OSError):
                    while left >= size:
                        left -= filler.write(b"x" * size)

    def clear(self) -> None:
        (self.path / "filler").unlink()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """In a place of its own, because the servers' unprivileged user must pass through it."""
    made = Path(tempfile.mkdtemp(prefix="mlrisk-disk-"))
    made.chmod(0o711)
    path = made / "disk"
    path.mkdir()
    try:
        _mount(path)
        try:
            yield Disk(path)
        finally:
            # Lazily: the room is given back when the last process that uses it has ended.
            subprocess.run(["umount", "--lazy", str(path)], check=True)
    finally:
        shutil.rmtree(made)


def _mount(path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("a disk of one's own takes `mount`, which is not there")
    if done.returncode != 0:
        pytest.skip(f"a disk of one's own can't be mounted: {done.stderr.strip()}")


class Shell:
    """Runs `mlrisk` for one home, as a person would."""

    def __init__(self, home: Path) -> None:
        self._words = [sys.executable, "-m", "console", "--home", str(home)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
        self._env = {**kept, "NO_COLOR": "1", "MLRISK_SYMBOLS": "BTCUSDT,ETHUSDT", "COLUMNS": "200"}

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self._words, *arguments],
            cwd=ROOT,
            env=self._env,
            input=text,
            capture_output=True,
            text=True,
            timeout=2 * START_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def says(self, *arguments: str) -> str:
        done = self.run(*arguments)
        return done.stdout + done.stderr

    def submit(self, **changes: Any) -> subprocess.CompletedProcess[str]:
        return self.run(
            "submit", "-", "--wait", "--json", text=json.dumps(trade_request(**changes))
        )

    def verdict(self, wanted: Callable[[dict[str, Any]], bool], **changes: Any) -> dict[str, Any]:
        """The first outcome that is as wanted; fails with the one that came last."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            done = self.submit(**changes)
            outcome = outcome_of(done)
            if outcome is not None and wanted(outcome):
                return outcome
            assert time.monotonic() < deadline, (changes, done, self.says("status"))


def outcome_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any] | None:
    """The outcome of a request that was decided; None where it could not be asked."""
    try:
        outcome: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return outcome


def approved(outcome: dict[str, Any]) -> bool:
    return outcome.get("verdict") in ("allow", "shrink")


def denied_as_unfit(outcome: dict[str, Any]) -> bool:
    return outcome.get("verdict") == "deny" and "circuit_breaker_active" in outcome["reasons"]


@contextlib.contextmanager
def postgres(home: Path) -> Iterator[psycopg.Connection]:
    """Its superuser's session: a look costs less than a command, which a busy machine would feel.

    Raises psycopg.OperationalError while Postgres is away.
    """
    place = Home(home)
    with psycopg.connect(
        host=str(place.postgres),
        port=5432,
        user=SUPERUSER,
        password=place.secret("postgres-password"),
        dbname="mlrisk",
        autocommit=True,
        connect_timeout=5,
    ) as session:
        yield session


def is_true(home: Path, question: str, *values: object) -> bool:
    """Whether Postgres answers, and the answer to this one is yes."""
    try:
        with postgres(home) as session:
            row = session.execute(question, values).fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and row[0] is True


def is_filled(home: Path, request_id: str) -> bool:
    question = "SELECT status = 'executed_successfully' FROM trade_request WHERE request_id = %s"
    return is_true(home, question, request_id)


def end_of_its_log(home: Path) -> None:
    """Postgres needs its next file, and ends: a disk without any room has none for it."""
    with contextlib.suppress(psycopg.OperationalError), postgres(home) as session:
        for _ in range(3):
            session.execute("SELECT pg_logical_emit_message(true, 'filler', 'x')")
            session.execute("SELECT pg_switch_wal()")


def test_a_disk_filled_to_the_last_byte_stops_new_risk_and_nothing_else(disk: Disk) -> None:
    shell = Shell(disk.home)
    try:
        started = shell.run("up", "--no-demo", "--market", "synthetic", "--detach")
        assert started.returncode == ExitCode.OK, started.stdout + started.stderr
        supervisor = Supervisor.attach(Home(disk.home))
        trade_while_it_fills(shell, disk)
        without_any_room(shell, disk)
        with_room_again(shell, disk)
        assert supervisor.is_alive()
        assert {each.state for each in supervisor.status()} == {"RUNNING"}
    finally:
        with contextlib.suppress(FileNotFoundError):
            disk.clear()
        shell.run("down")


def trade_while_it_fills(shell: Shell, disk: Disk) -> None:
    """The room that was held back is given up, for exits and nothing else."""
    opening = shell.verdict(approved, symbol="ETHUSDT")
    slow = {"algorithm": "twap", "horizon_seconds": 60, "interval_seconds": 1.0}
    shell.verdict(approved, symbol="BTCUSDT", signal_data=slow)
    eventually(lambda: is_filled(disk.home, opening["request_id"]), "the opening")
    disk.fill()
    eventually(lambda: not (disk.home / "ballast").exists(), "the room that is held back")
    told = "SELECT count(*) > 0 FROM audit_entry WHERE kind = 'account_unfit'"
    eventually(lambda: is_true(disk.home, told), "the state's announcement", START_SECONDS)
    assert "disk_nearly_full" in shell.says("status")
    shell.verdict(denied_as_unfit, symbol="ETHUSDT")
    exit_data = {"position_size": "1500", "reduce_only": True}
    leaving = shell.verdict(
        approved, symbol="ETHUSDT", side="sell", priority="emergency", signal_data=exit_data
    )
    eventually(lambda: is_filled(disk.home, leaving["request_id"]), "the exit")


def without_any_room(shell: Shell, disk: Disk) -> None:
    """Postgres can't even start. A halt says what it could not do, and cancels by itself."""
    disk.fill()
    end_of_its_log(disk.home)
    eventually(lambda: not is_true(disk.home, "SELECT true"), "the end of Postgres")
    told = shell.says("doctor")
    assert "postgres: can't be reached" in told
    assert "the disk is full" in told
    halted = shell.run("halt", "--reason", "no room", "--cancel")
    assert halted.returncode != ExitCode.OK
    assert "not halted" in (halted.stdout + halted.stderr).lower()


def with_room_again(shell: Shell, disk: Disk) -> None:
    """By itself: nobody starts anything, and nothing was lost or doubled."""
    disk.clear()
    beats = "SELECT min(at) > now() - interval '15 s' FROM heartbeat WHERE name LIKE 'queue:%%'"
    eventually(lambda: is_true(disk.home, beats), "every canary", START_SECONDS)
    eventually(
        lambda: shell.run("doctor").returncode == ExitCode.OK,
        "every line of the doctor",
        START_SECONDS,
    )
    assert (disk.home / "ballast").exists()
    assert "disk_nearly_full" not in shell.says("status")
    # The halt's few bytes may have found room in its journal: then it holds until a person resumes.
    shell.run("resume", "--reason", "there is room again")
    again = shell.verdict(approved, symbol="ETHUSDT")
    eventually(lambda: is_filled(disk.home, again["request_id"]), "work as before")
    halted = shell.run("halt", "--reason", "to see it written")
    assert halted.returncode == ExitCode.OK, halted.stdout + halted.stderr
    invariants = [line for line in shell.says("doctor").splitlines() if re.match(r"I\d+ ", line)]
    assert len(invariants) >= 10
    assert [line for line in invariants if not line.endswith(": ok")] == []

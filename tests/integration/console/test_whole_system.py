"""The commands that a person types, on a whole running system of its own home."""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.celery import HOLD_KEYS, WORKERS
from console.errors import ExitCode
from tests.support.processes.shell import Shell
from tests.support.services import refusals
from tests.support.system import trade_request
from tests.support.waiting import START_SECONDS, eventually
from workers.home import Home
from workers.strategies import server_of
from workers.supervision.supervisor import Supervisor

pytestmark = [pytest.mark.services, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[3]
REPORT_KEYS = [
    *("requests", "decisions", "parents", "child_orders", "fills", "notional_filled"),
    *("slippage_bps", "latency_ms", "slice_lateness_ms", "limits", "alerts"),
    *("memory_mb", "invariants"),
    "stopped_cleanly",
]


_IN_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_FULL_SCREEN = b"\x1b[?1049h"


@contextlib.contextmanager
def open_terminal() -> Iterator[tuple[int, bytearray]]:
    """The inner end of a terminal and what it shows; it is closed at the block's end."""
    ours, theirs = pty.openpty()
    closing, shown = threading.Event(), bytearray()

    def look() -> None:
        while not closing.is_set():
            if select.select([ours], [], [], 0.1)[0]:
                shown.extend(os.read(ours, 65_536))

    person = threading.Thread(target=look)
    person.start()
    try:
        yield theirs, shown
    finally:
        closing.set()
        person.join()
        os.close(theirs)
        os.close(ours)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    tmp_path.chmod(0o711)
    made = Shell(tmp_path / "home")
    yield made
    made.run("down")
    assert made.leftovers() == []


def test_a_person_starts_looks_trades_halts_resumes_and_stops(shell: Shell, tmp_path: Path) -> None:
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            shell.command("up", "--no-demo", "--market", "synthetic"),
            cwd=ROOT,
            env=shell.env,
            stdout=log,
            stderr=log,
        )
    try:
        # Each look is a process: they begin when the processes of the start have had the machine.
        log_path = tmp_path / "up.log"
        eventually(lambda: b"ACTIVE" in log_path.read_bytes(), "the first line", START_SECONDS)
        _look_and_trade(shell)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(START_SECONDS)
    output = (tmp_path / "up.log").read_text()
    assert status == ExitCode.OK, output
    assert "stopped cleanly" in output
    assert "ACTIVE" in output
    assert shell.leftovers() == []
    assert shell.run("status").returncode == ExitCode.DEPENDENCY_DOWN
    assert not (shell.home / "run" / "environment.json").exists()


def _look_and_trade(shell: Shell) -> None:
    environment = shell.home / "run" / "environment.json"
    assert environment.stat().st_mode & 0o777 == 0o600
    assert {"MLRISK_DATABASE_URL", "MLRISK_REDIS_URL", "MLRISK_EXCHANGE_URL"} <= set(
        json.loads(environment.read_text())
    )
    eventually(lambda: shell.json("status")["equity"], "the wallet's first reading", START_SECONDS)
    _look_at_what_each_process_was_told(shell)
    assert shell.run("up").returncode == ExitCode.USAGE  # the home is in use

    def approved() -> Any:
        """The first ones may be refused until the market is known well enough."""
        request = trade_request()
        result = shell.run("submit", "-", "--wait", "--json", text=json.dumps(request))
        return result.returncode == ExitCode.OK and json.loads(result.stdout)

    outcome = eventually(approved, "an approval")
    request_id = outcome["request_id"]
    eventually(lambda: shell.json("show", request_id)["fills"], "its fill")
    facts = shell.json("show", request_id)
    assert facts["decision"]["verdict"] == outcome["verdict"]
    assert request_id in shell.run("show", request_id).stdout
    assert request_id in [line["request_id"] for line in shell.json("requests")["requests"]]
    assert shell.json("doctor")["invariants"] == {f"I{n}": "ok" for n in range(1, 11)}
    _halt_and_resume(shell)
    # Neither a process nor a command was refused by Redis what it needs.
    assert refusals(server_of(Home(shell.home))) == []


def _look_at_what_each_process_was_told(shell: Shell) -> None:
    """No process's environment holds a key of the exchange, and those alone that ask it in the
    account's name are told where one is."""
    secrets = shell.home / "secrets"
    key, secret = (secrets / f"paper-api-{name}" for name in ("key", "secret"))
    words = [file.read_text(encoding="utf-8") for file in (key, secret)]
    assert not [word for word in words if word in (shell.home / "run/environment.json").read_text()]
    # What a copy of supervisord was told stands in its memory and in the file of its launch.
    launched: dict[str, dict[str, str]] = {
        file.name.removesuffix(".launch.json"): json.loads(file.read_text()).get("env", {})
        for file in (shell.home / "run" / "processes").glob("*.launch.json")
    }
    told: dict[str, list[dict[str, str]]] = {}
    for status in Supervisor.attach(Home(shell.home)).status():
        processes = [psutil.Process(status.pid)]
        processes += processes[0].children(recursive=True) if status.name != "supervisord" else []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # a worker's child may be replaced
                environment = {**process.environ(), **launched.get(status.name, {})}
                told.setdefault(status.name, []).append(environment)
    outsiders = {"supervisord", "postgres", "redis", "paper-exchange"}
    keyless = {"flower", "beat", "disk", "canaries", "watchdog", "safety", "exporter", "alerting"}
    assert set(told) == {*outsiders, *keyless, *WORKERS, "feed", "web"}
    for name, environments in told.items():
        for environment in environments:
            assert not [word for word in words if word in str(environment)], name
            named = {v for v, value in environment.items() if value in (str(key), str(secret))}
            assert bool(named) == (name in ("feed", "web") or name in HOLD_KEYS), (name, named)
            ours = {v for v in environment if v.startswith("MLRISK_")}
            if name in outsiders:
                assert ours <= {"MLRISK_RECORDINGS"}, name
    # A file of a secret is its owner's alone.
    assert {file.stat().st_mode & 0o077 for file in secrets.iterdir()} == {0}


def _halt_and_resume(shell: Shell) -> None:
    halted = shell.run("halt", "--reason", "drill", "--json")
    assert halted.returncode == ExitCode.OK, halted.stderr
    assert json.loads(halted.stdout)["sealed_at"] is not None
    assert shell.run("status").returncode == ExitCode.HALTED
    refused = shell.run("submit", "-", "--wait", text=json.dumps(trade_request()))
    assert refused.returncode == ExitCode.HALTED, refused.stdout + refused.stderr
    assert shell.run("resume", "--reason", "over").returncode == ExitCode.OK
    assert shell.run("status").returncode == ExitCode.OK
    doubtful = trade_request(ml_predictions={"confidence": 0.1})
    denied = shell.run("submit", "-", "--wait", text=json.dumps(doubtful))
    assert denied.returncode == ExitCode.BLOCKED
    assert "insufficient_confidence" in denied.stdout
    bad = shell.run("submit", "-", text='{"request_id": "x", "nonsense": 1}')
    assert bad.returncode == ExitCode.USAGE
    assert "nonsense" in bad.stderr


@pytest.mark.long
def test_the_finite_demo_reports_stops_everything_and_keeps_its_home(
    shell: Shell, tmp_path: Path
) -> None:
    report_path = tmp_path / "report.json"
    for seconds in ("15", "2"):  # the second run takes up what the first has left
        result = shell.run(
            "demo", "--seconds", seconds, "--json", str(report_path), "--market", "synthetic"
        )
        assert result.returncode == ExitCode.OK, result.stdout + result.stderr
        report = json.loads(report_path.read_text())
        assert list(report) == REPORT_KEYS
        assert report["invariants"] == {f"I{n}": "ok" for n in range(1, 11)}
        assert report["stopped_cleanly"] is True
        assert report["memory_mb"]["demo-strategy"] > 0
        assert "all holds" in result.stdout
        assert shell.leftovers() == []
        assert "migrating the database" in result.stderr


@pytest.fixture
def running(shell: Shell, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`mlrisk up` in a process of its own, with its servers up."""
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            shell.command("up", "--no-demo", "--market", "synthetic"),
            cwd=ROOT,
            env=shell.env,
            stdout=log,
            stderr=log,
        )
    try:
        eventually((shell.home / "run" / "environment.json").exists, "the servers")
        log_path = tmp_path / "up.log"
        eventually(lambda: b"ACTIVE" in log_path.read_bytes(), "the first line", START_SECONDS)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(START_SECONDS)


@pytest.mark.long
def test_down_elsewhere_ends_up_as_well(
    shell: Shell, running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    frame = shell.run("screen", "--once").stdout.splitlines()
    assert len(frame) == 40
    assert any("ACTIVE" in line for line in frame)
    assert shell.run("down").returncode == ExitCode.OK
    assert running.wait(START_SECONDS) == ExitCode.OK
    assert "stopped elsewhere" in (tmp_path / "up.log").read_text()


@pytest.mark.long
@pytest.mark.usefixtures("hangup")
def test_a_closed_terminal_stops_everything_as_cleanly_as_ctrl_c(shell: Shell) -> None:
    with open_terminal() as (terminal, shown):
        process = subprocess.Popen(
            [sys.executable, "-c", _IN_A_TERMINAL, *shell.command("up", "--no-demo")],
            cwd=ROOT,
            env={**shell.env, "TERM": "xterm"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        eventually(lambda: _FULL_SCREEN in shown, "the live screen", START_SECONDS)
    assert process.wait(START_SECONDS) == ExitCode.OK
    assert shell.leftovers() == []
    assert not (shell.home / "run" / "environment.json").exists()
    assert not (shell.home / "run" / "supervisor.json").exists()


@pytest.mark.long
def test_a_supervisor_that_is_killed_takes_everything_with_it_and_fails_up(
    shell: Shell, running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (supervisor,) = [p for p in shell.json("status")["processes"] if p["name"] == "supervisord"]
    os.kill(supervisor["pid"], signal.SIGKILL)
    assert running.wait(START_SECONDS) == ExitCode.FAILED
    assert "the supervisor has ended: crashed" in (tmp_path / "up.log").read_text()
    eventually(lambda: not shell.leftovers(), "the orphans to end")


@pytest.mark.long
def test_two_homes_run_side_by_side_and_down_stops_only_its_own(
    shell: Shell, tmp_path: Path
) -> None:
    other = Shell(tmp_path / "other")
    try:
        for each in (shell, other):
            result = each.run("up", "--detach", "--no-demo", "--market", "synthetic")
            assert result.returncode == ExitCode.OK, result.stderr
        pids = [
            {process["pid"] for process in each.json("status")["processes"]}
            for each in (shell, other)
        ]
        assert not pids[0] & pids[1]
        assert other.run("down").returncode == ExitCode.OK
        assert other.leftovers() == []
        assert {process["pid"] for process in shell.json("status")["processes"]} == pids[0]
        assert shell.run("down").returncode == ExitCode.OK
    finally:
        other.run("down")

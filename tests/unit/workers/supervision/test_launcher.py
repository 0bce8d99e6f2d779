"""The program that becomes another one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from workers.supervision import launcher
from workers.supervision.launcher import PARENT_VARIABLE, RUN_VARIABLE, boot_id, start_ticks


def _launch(
    tmp_path: Path, launch: dict[str, Any], **environment: str
) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "launch.json"
    path.write_text(json.dumps(launch), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", "-S", launcher.__file__, str(path)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_it_becomes_the_command_with_its_environment_directory_and_status(tmp_path: Path) -> None:
    code = "import os; print(os.environ['ADDED'], os.getcwd()); raise SystemExit(7)"
    launch = {
        "command": [sys.executable, "-c", code],
        "env": {"ADDED": "yes"},
        "cwd": str(tmp_path),
    }
    result = _launch(tmp_path, launch, ADDED="no")
    assert (result.stdout, result.returncode) == (f"yes {tmp_path}\n", 7)


def test_signals_that_a_background_job_ignores_work_again(tmp_path: Path) -> None:
    path = tmp_path / "launch.json"
    code = "import signal; print(signal.getsignal(signal.SIGINT))"
    path.write_text(json.dumps({"command": [sys.executable, "-c", code]}), encoding="utf-8")
    ignoring = f"trap '' INT; exec {sys.executable} -I -S {launcher.__file__} {path}"
    result = subprocess.run(["sh", "-c", ignoring], capture_output=True, text=True)
    assert "default_int_handler" in result.stdout


def test_no_program_gives_it_a_right_that_it_has_not(tmp_path: Path) -> None:
    result = _launch(tmp_path, {"command": ["grep", "NoNewPrivs", "/proc/self/status"]})
    assert result.stdout.split() == ["NoNewPrivs:", "1"]


def test_it_refuses_to_start_for_a_parent_that_has_gone(tmp_path: Path) -> None:
    launch = {"command": ["echo", "started"], "death_signal": int(signal.SIGTERM)}
    result = _launch(tmp_path, launch, **{PARENT_VARIABLE: "1"})
    assert (result.stdout, result.returncode) == ("", 1)
    assert "has already ended" in result.stderr


def test_it_records_who_it_is_and_spaces_quick_restarts(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    code = f"import os, json; assert json.load(open({str(record)!r}))['pid'] == os.getpid()"
    launch = {
        "command": [sys.executable, "-c", code],
        "record": str(record),
        "restart_delay_seconds": 0.3,
    }
    began = time.time()
    for starts in (1, 2, 3):
        result = _launch(tmp_path, launch, **{RUN_VARIABLE: "a"})
        assert result.returncode == 0, result.stderr
        assert json.loads(record.read_text(encoding="utf-8"))["starts"] == starts
    assert time.time() - began >= 0.6
    assert json.loads(record.read_text(encoding="utf-8"))["boot_id"] == boot_id()
    _launch(tmp_path, launch, **{RUN_VARIABLE: "b"})
    stored = json.loads(record.read_text(encoding="utf-8"))
    assert (stored["starts"], stored["run_id"]) == (1, "b"), "another run counts anew"


def test_start_ticks_agree_with_the_kernels_and_a_zombie_has_none() -> None:
    process = subprocess.Popen(["sleep", "60"])
    ticks = start_ticks(process.pid)
    assert ticks is not None
    seconds = ticks / os.sysconf("SC_CLK_TCK")
    created = psutil.Process(process.pid).create_time() - psutil.boot_time()
    assert abs(seconds - created) < 2
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert start_ticks(process.pid) is None
    process.wait()
    assert start_ticks(process.pid) is None


def test_what_a_predecessor_announced_does_not_count_for_the_next_start(tmp_path: Path) -> None:
    ready = tmp_path / "program.ready"
    ready.touch()
    look = f"from pathlib import Path; assert not Path({str(ready)!r}).exists()"
    tell = "from workers.supervision import readiness; readiness.announce()"
    command = [sys.executable, "-c", f"{look}; {tell}"]
    launch = {"command": command, "ready": str(ready), "cwd": str(Path(__file__).parents[4])}
    result = _launch(tmp_path, launch)
    assert result.returncode == 0, result.stderr
    assert ready.exists()

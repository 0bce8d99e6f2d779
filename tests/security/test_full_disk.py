"""A full disk costs log lines and ends no process; what is written again is written whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from workers import launches
from workers.home import Home
from workers.launcher import RUN_VARIABLE
from workers.launches import ProcessSpec
from workers.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")

_CHATTERS = """
import pathlib, sys, time
lines = 0
while True:
    print("a line " * 2000, flush=True)
    lines += 1
    pathlib.Path(sys.argv[1]).write_text(str(lines))
    time.sleep(0.01)
"""


@pytest.mark.services
def test_a_supervisor_whose_every_log_is_on_a_full_disk_keeps_its_processes(
    tmp_path: Path,
) -> None:
    """Seen: it ended within 5 s, and everything with it."""
    home = Home(tmp_path / "home")
    home.create()
    for name in ("chatters", "ends", "supervisord", "supervisord.out"):
        launches.log_file(home, name).symlink_to(FULL)
    said = tmp_path / "said"
    chatters = ProcessSpec("chatters", [sys.executable, "-c", _CHATTERS, str(said)])
    # Each of its ends is a line of the supervisor's own log.
    ends = ProcessSpec("ends", [sys.executable, "-c", "print('ended')"])
    supervisor = Supervisor(home)
    supervisor.start([chatters, ends])
    try:
        eventually(lambda: said.exists() and int(said.read_text() or 0) >= 200, "200 lines")
        eventually(lambda: launches.record(home, "ends")["starts"] >= 3, "three starts")
        assert supervisor.is_alive()
        (chatting,) = [each for each in supervisor.status() if each.name == "chatters"]
        assert (chatting.state, chatting.restarts) == ("RUNNING", 0)
    finally:
        assert supervisor.shutdown()


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"run_id": 1}'])
def test_a_process_starts_when_its_record_can_not_be_replaced(tmp_path: Path, damaged: str) -> None:
    """The one before is written over, and one that was cut off is no reason to fail."""
    record = tmp_path / "record.json"
    record.write_text(damaged.ljust(1000))
    record.with_suffix(".new").symlink_to(FULL)
    launch = tmp_path / "launch.json"
    command = {"command": [sys.executable, "-c", "print('runs')"]}
    launch.write_text(json.dumps({**command, "record": str(record), "restart_delay_seconds": 0}))
    result = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "workers" / "launcher.py"), str(launch)],
        env={RUN_VARIABLE: "run"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "runs\n"
    assert json.loads(record.read_text())["starts"] == 1


def test_a_process_that_can_not_log_goes_on() -> None:
    code = (
        "import logging, sys\nfrom workers.logs import configure_logging\n"
        "configure_logging()\n"
        "for _ in range(1000): logging.getLogger('x').critical('lost', extra={'n': 1})\n"
        "sys.exit(7)\n"
    )
    with FULL.open("wb") as full:
        process = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=full, stderr=full, check=False
        )
    assert process.returncode in (7, 120)  # 120: what was said last could not be flushed

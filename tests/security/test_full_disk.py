"""A full disk costs log lines and ends no process; what is written again is written whole."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr
from redis._parsers.base import BaseParser

from bot.state import disk_room
from config.settings import Settings
from console.views.doctor.redis_line import redis_line
from tests.support.processes.full_disk import let_files_grow, without_room
from tests.support.services import RedisServer, redis_server
from tests.support.waiting import eventually
from workers.celery import refused_writes
from workers.home import Home
from workers.supervision import disk, launcher, launches
from workers.supervision.launcher import RUN_VARIABLE
from workers.supervision.launches import ProcessSpec
from workers.supervision.supervisor import Supervisor

pytestmark = pytest.mark.long

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
        [
            sys.executable,
            "-I",
            "-S",
            launcher.__file__,
            str(launch),
        ],
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


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.mark.services
def test_redis_goes_on_without_its_log_until_there_is_room(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: it refused every write, the workers ended, and no exit went out."""
    free = [0]
    monkeypatch.setattr(disk_room, "free_bytes", lambda _: free[0])
    without_room(server)
    for _ in range(2):
        disk.look(tmp_path, server.embedded)
        with server.client() as client:
            client.set("taken", "while full")
            assert client.info("persistence")["aof_enabled"] == 0
    let_files_grow(server, resource.RLIM_INFINITY)
    free[0] = 1 << 40
    disk.look(tmp_path, server.embedded)
    with server.client() as client:
        client.set("later", "with room")
        eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "its log")
    server.kill()
    server.start()
    with server.client() as client:
        assert client.mget("taken", "later") == [b"while full", b"with room"]


@pytest.mark.services
def test_a_redis_that_takes_no_writes_counts_as_away_and_is_told(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_room(server)
    settings = Settings(redis_url=SecretStr(server.url()))
    line = redis_line(settings)
    assert not line.ok
    assert "its log can't be written" in line.detail
    classes = dict(BaseParser.EXCEPTION_CLASSES)
    monkeypatch.setattr(BaseParser, "EXCEPTION_CLASSES", classes)
    refused_writes.count_as_away()
    with server.client() as client, pytest.raises(redis.ConnectionError):
        client.set("a", "b")
    assert redis_line(settings) == line

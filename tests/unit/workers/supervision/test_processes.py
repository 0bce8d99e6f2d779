"""Naming processes for good, and ending them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace

import psutil
import pytest

from workers.supervision.processes import (
    ProcessIdentity,
    descendants,
    families,
    is_running,
    kill_survivors,
    memory_mb,
    stop_all,
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_an_identity_survives_storage_and_ends_with_its_process(
    sleeper: subprocess.Popen[bytes],
) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    assert ProcessIdentity.from_record(asdict(identity)) == identity
    assert identity.is_alive()
    handle = identity.process()
    assert handle is not None
    assert handle.pid == sleeper.pid
    sleeper.kill()
    sleeper.wait()
    assert not identity.is_alive()
    assert identity.process() is None
    assert ProcessIdentity.of(sleeper.pid) is None


def test_a_recycled_process_id_and_another_boot_are_not_ours(
    sleeper: subprocess.Popen[bytes],
) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    for other in (
        replace(identity, start_ticks=identity.start_ticks - 1),
        replace(identity, boot_id="an earlier one"),
    ):
        assert not other.is_alive()
        assert other.process() is None


def test_families_group_everything_below_by_child() -> None:
    script = "sh -c 'sleep 600 & sleep 600 & wait' & sleep 600 & echo up; wait"
    root = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    with root:
        assert root.stdout is not None
        root.stdout.readline()
        handle = psutil.Process(root.pid)
        while len(descendants(handle)) < 4:
            assert root.poll() is None
        grouped = families(handle)
        assert sorted(len(family) for family in grouped.values()) == [1, 3]
        assert set(grouped) == {child.pid for child in handle.children()}
        everything = [handle, *descendants(handle)]
        assert memory_mb(everything) > memory_mb([handle]) > 0
        stop_all(dict.fromkeys(everything, signal.SIGKILL), 5)
    assert not any(is_running(process) for process in everything)


def test_who_ends_when_asked_is_not_counted_as_killed(sleeper: subprocess.Popen[bytes]) -> None:
    handle = psutil.Process(sleeper.pid)
    assert stop_all({handle: signal.SIGTERM}, 5) == []
    assert kill_survivors([handle], 5) == []


def test_who_does_not_end_is_killed_and_named() -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    deaf = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        handle = psutil.Process(deaf.pid)
        assert stop_all({handle: signal.SIGTERM}, 0.2) == [handle]
    assert not is_running(handle)


def test_descendants_of_a_gone_process_are_none(sleeper: subprocess.Popen[bytes]) -> None:
    handle = psutil.Process(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert descendants(handle) == []
    assert families(handle) == {}
    assert memory_mb([handle]) == 0
    assert not is_running(handle)
    assert is_running(psutil.Process(os.getpid()))

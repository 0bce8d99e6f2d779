"""Running a program as an ordinary user when mlrisk runs as root."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers.embedded import privileges
from workers.embedded.privileges import (
    UNPRIVILEGED_UID,
    UnreachableError,
    give_to_unprivileged,
    unprivileged,
)

_SHOW = ["/bin/sh", "-c", "id -u; id -g; grep CapEff /proc/self/status; cat $0"]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A file below a directory that only its owner may enter."""
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o700)
    path = directory / "file"
    path.write_text("content", encoding="utf-8")
    path.chmod(0o644)
    return path


def _run(command: list[str], needs: list[Path]) -> list[str]:
    line = unprivileged(command, needs, death_signal=signal.SIGTERM)
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()


def test_an_ordinary_user_runs_the_command_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "running_as_root", lambda: False)
    assert unprivileged(["x"], [Path("/root")], death_signal=signal.SIGINT) == ["x"]


@as_root
def test_what_everybody_can_reach_needs_no_capability() -> None:
    uid, gid, _, capabilities, *_ = _run([*_SHOW, "/etc/hostname"], [Path("/etc/hostname")])
    assert (uid, gid) == (str(UNPRIVILEGED_UID), str(UNPRIVILEGED_UID))
    assert int(capabilities, 16) == 0


@as_root
def test_below_a_closed_directory_it_keeps_the_right_to_pass_and_no_other(closed: Path) -> None:
    uid, _, _, capabilities, content = _run([*_SHOW, str(closed)], [closed])
    assert (uid, content) == (str(UNPRIVILEGED_UID), "content")
    assert int(capabilities, 16) in (1 << 1, 1 << 2), "to read, or else to override"


@as_root
def test_its_own_closed_directory_is_reachable() -> None:
    place = Path("/tmp") / f"mlrisk-own-{os.getpid()}"
    place.mkdir(mode=0o700)
    try:
        give_to_unprivileged(place)
        assert "--ambient-caps" not in " ".join(
            unprivileged(["x"], [place / "data"], death_signal=signal.SIGINT)
        )
    finally:
        shutil.rmtree(place)


@as_root
def test_without_setpriv_it_drops_every_right_and_says_what_it_cannot_reach(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    uid, gid, _, capabilities, *_ = _run([*_SHOW, "/etc/hostname"], [Path("/etc/hostname")])
    assert (uid, gid, int(capabilities, 16)) == (str(UNPRIVILEGED_UID), str(UNPRIVILEGED_UID), 0)
    with pytest.raises(UnreachableError, match=f"can't reach {closed}; install util-linux"):
        unprivileged(["x"], [closed], death_signal=signal.SIGINT)


@as_root
@pytest.mark.parametrize("with_setpriv", [True, False])
def test_it_dies_with_its_parent(with_setpriv: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not with_setpriv:
        monkeypatch.setattr(shutil, "which", lambda _: None)
    line = unprivileged(["/bin/sleep", "600"], [Path("/bin/sleep")], death_signal=signal.SIGTERM)
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen({line!r})\n"
        "while open(f'/proc/{p.pid}/comm').read() != 'sleep\\n': time.sleep(0.01)\n"
        "print(p.pid)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    stat = Path(f"/proc/{int(result.stdout)}/stat")
    for _ in range(500):
        if not stat.exists() or ") Z " in stat.read_text(encoding="ascii"):
            return
        signal.sigtimedwait([], 0.01)
    pytest.fail("it outlived its parent")

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

# CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs.
_RIGHTS = "grep -h -e ^Cap -e ^NoNewPrivs /proc/self/status"
_SHOW = ["/bin/sh", "-c", f"id -u; id -g; {_RIGHTS} | cut -f 2; cat $0"]
_NOTHING = ["0000000000000000"] * 5

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
def test_what_everybody_can_reach_needs_no_right_and_gets_none() -> None:
    uid, gid, *rights = _run([*_SHOW, "/dev/null"], [Path("/dev/null")])
    assert (uid, gid) == (str(UNPRIVILEGED_UID), str(UNPRIVILEGED_UID))
    assert rights == [*_NOTHING, "1"]


@as_root
def test_below_a_closed_directory_it_keeps_the_right_to_pass_and_no_other(closed: Path) -> None:
    uid, _, *rights, nnp, content = _run([*_SHOW, str(closed)], [closed])
    assert (uid, nnp, content) == (str(UNPRIVILEGED_UID), "1", "content")
    assert len(set(rights)) == 1, "the bounding set as well"
    assert int(rights[0], 16) in (1 << 1, 1 << 2), "to read, or else to override"


@as_root
def test_a_directory_below_a_closed_one_is_entered_without_any_right(closed: Path) -> None:
    entered = closed.parent / "own"
    entered.mkdir(mode=0o700)
    give_to_unprivileged(entered)
    (entered / "file").write_text("content", encoding="utf-8")
    line = unprivileged(
        [*_SHOW, str(entered / "file")], [], entered=entered, death_signal=signal.SIGTERM
    )
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    uid, _, *rights, content = done.stdout.split()
    assert (uid, rights, content) == (str(UNPRIVILEGED_UID), [*_NOTHING, "1"], "content")


@as_root
def test_its_own_closed_directory_is_reachable() -> None:
    place = Path("/tmp") / f"mlrisk-own-{os.getpid()}"
    place.mkdir(mode=0o700)
    try:
        give_to_unprivileged(place)
        rights = _run(["/bin/sh", "-c", f"{_RIGHTS} | cut -f 2"], [place / "data"])
        assert rights == [*_NOTHING, "1"]
    finally:
        shutil.rmtree(place)


@as_root
def test_without_a_right_to_pass_on_it_says_what_it_cannot_reach(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "_held_capability", lambda: None)
    with pytest.raises(UnreachableError, match=f"can't reach {closed}; run as an ordinary user"):
        unprivileged(["x"], [closed], death_signal=signal.SIGINT)


@as_root
def test_it_dies_with_its_parent() -> None:
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

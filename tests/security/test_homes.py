"""A start takes no directory that isn't its own: it says so, and what is there stays as it was."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from console.cli import run
from console.errors import ExitCode
from workers.home import Home, HomeRefusedError

pytestmark = pytest.mark.long


def _somebodys(place: Path) -> Path:
    for name in ("run/environment.json", "run/supervisor.json", "logs/own.log", "thesis.tex"):
        file = place / "theirs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    (place / "theirs").chmod(0o750)
    return place / "theirs"


def _link(place: Path) -> Path:
    (place / "target").mkdir()
    (place / "link").symlink_to(place / "target")
    return place / "link"


def _open_to_all(place: Path) -> Path:
    (place / "open").mkdir()
    (place / "open").chmod(0o1777)
    return place / "open"


def _file(place: Path) -> Path:
    (place / "file").write_text("text")
    return place / "file"


def _below_a_file(place: Path) -> Path:
    return _file(place) / "home"


def _read_only(place: Path) -> Path:
    """The kernel's own: not even root can make anything there."""
    del place
    return Path("/proc/self/mlrisk")


def _root(place: Path) -> Path:
    del place
    return Path("/")


def _temporary(place: Path) -> Path:
    del place
    return Path("/tmp")


PLACES = (_somebodys, _link, _open_to_all, _file, _below_a_file, _read_only, _root, _temporary)


def _picture(place: Path) -> dict[str, tuple[int, int, bytes | None]]:
    """Mode, time of change and content of everything below a place."""
    found = {}
    for path in [place, *place.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


@pytest.mark.parametrize("make", PLACES)
def test_a_start_refuses_the_place_in_one_sentence_and_changes_nothing(
    make: Callable[[Path], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("MLRISK_")]:
        monkeypatch.delenv(name)
    place = make(tmp_path)
    before, mode = _picture(tmp_path), Path("/tmp").stat().st_mode
    assert run(["--home", str(place), "up", "--no-demo"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert error.startswith(f"mlrisk: {place} ")
    assert "--home" in error
    assert len(error.splitlines()) == 1
    assert _picture(tmp_path) == before
    assert Path("/tmp").stat().st_mode == mode
    with pytest.raises(HomeRefusedError):
        Home(place).create()
    assert _picture(tmp_path) == before


def test_new_empty_and_own_places_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "new" / "deep", tmp_path / "empty"):
        Home(place).create()
        (place / "something").write_text("more")
        Home(place).create()


def test_a_home_from_before_the_mark_is_still_ours(tmp_path: Path) -> None:
    home = Home(tmp_path / "old")
    home.create()
    with home.lock():
        (home.path / "mlrisk-home").unlink()
    home.create()
    assert (home.path / "mlrisk-home").exists()

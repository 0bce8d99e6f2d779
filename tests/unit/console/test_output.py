"""What the console prints is exact, plain and whole."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from console.errors import CommandError, ExitCode
from console.output import replacing, to_json, utc, write_atomically, writing
from models.enums import Verdict


def test_times_are_utc_with_a_trailing_z() -> None:
    moment = datetime(2025, 6, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert utc(moment) == "2025-06-01T12:00:00.000Z"


def test_json_carries_money_as_text_and_refuses_what_it_does_not_know() -> None:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    text = to_json({"money": Decimal("1.10"), "at": at, "verdict": Verdict.DENY})
    assert '"money": "1.1"' in text
    assert '"at": "2025-06-01T00:00:00.000Z"' in text
    assert '"verdict": "deny"' in text
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_json(object())
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_file_is_taken_away_and_the_former_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="a defect"), replacing(path) as unfinished:
        unfinished.write_text("half")
        raise ValueError("a defect")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_but_a_file_is_replaced(tmp_path: Path) -> None:
    kept, link, directory = (tmp_path / name for name in ("kept", "link", "directory"))
    kept.write_text("kept")
    link.symlink_to(kept)
    directory.mkdir()
    for path in (link, directory, tmp_path / "dangling", Path("/dev/null")):
        if path.name == "dangling":
            path.symlink_to(tmp_path / "nowhere")
        with pytest.raises(CommandError, match="can't be written: it is"), writing(path):
            write_atomically(path, "new")
    assert kept.read_text() == "kept"
    assert link.is_symlink() and directory.is_dir() and Path("/dev/null").is_char_device()
    assert not (tmp_path / "nowhere").exists()
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".unfinished")]


def test_a_file_has_the_rights_that_the_person_gives_to_new_files(tmp_path: Path) -> None:
    plain, made = tmp_path / "plain", tmp_path / "made"
    plain.touch()
    write_atomically(made, "new")
    assert made.stat().st_mode == plain.stat().st_mode


def test_a_file_that_cant_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no directory" / "report.json"
    with pytest.raises(CommandError) as told, writing(path):
        write_atomically(path, "new")
    assert f"{path} can't be written" in told.value.message
    assert told.value.exit_code is ExitCode.USAGE

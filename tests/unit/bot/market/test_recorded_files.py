"""Recorded minutes are read with their gaps, and what is no recording is refused by name."""

from pathlib import Path

import pytest

from bot.market.recorded_files import read_recorded
from bot.market.volume.files import UnreadableBars

HEAD = "timestamp,open,high,low,close,volume\n"


def line(minute: int, close: str = "1.5") -> str:
    return f"2025-06-01 00:{minute:02d}:00+00:00,1,2,1,{close},3\n"


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    (tmp_path / "AUSDT_1m.csv").write_text(HEAD + line(0) + line(1) + line(5))
    (found,) = read_recorded(tmp_path)
    assert found.symbol == "AUSDT"
    assert [int(minute) - int(found.minutes[0]) for minute in found.minutes] == [0, 1, 5]
    assert list(found.close) == [1.5, 1.5, 1.5]


@pytest.mark.parametrize(
    "text", ["", HEAD, HEAD + "x\n", HEAD + line(1) + line(0), HEAD + line(0, "0")]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "AUSDT_1m.csv").write_text(text)
    with pytest.raises(UnreadableBars, match=r"AUSDT_1m\.csv"):
        read_recorded(tmp_path)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableBars, match="holds no"):
        read_recorded(tmp_path)

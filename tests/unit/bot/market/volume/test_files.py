"""Bars from CSV files: gaps are filled, what can't be trusted is refused by name."""

import gzip
from pathlib import Path

import pytest

from bot.market.volume.files import UnreadableBars, read_bars, read_folder
from bot.market.volume.panel import minute_of, moment_of

HEAD = "timestamp,open,high,low,close,volume\n"
FIRST = "2025-05-30 16:40:00+00:00,10,12,9,11,5\n"


def _write(folder: Path, *lines: str, name: str = "AAAUSDT_1m.csv") -> Path:
    path = folder / name
    path.write_text(HEAD + "".join(lines))
    return path


def test_a_missing_minute_had_no_trade(tmp_path: Path) -> None:
    bars = read_bars(_write(tmp_path, FIRST, "2025-05-30 16:42:00+00:00,11,13,10,12,6\n"))
    assert bars.symbol == "AAAUSDT"
    assert moment_of(bars.first_minute).isoformat() == "2025-05-30T16:40:00+00:00"
    assert bars.volume.tolist() == [5.0, 0.0, 6.0]
    assert bars.high.tolist() == [12.0, 11.0, 13.0]
    assert bars.low.tolist() == [9.0, 11.0, 10.0]


def test_plain_and_gzipped_files_are_read_alike(tmp_path: Path) -> None:
    _write(tmp_path, FIRST)
    with gzip.open(tmp_path / "BBBUSDT_1m.csv.gz", "wt") as file:
        file.write(HEAD + FIRST)
    panel = read_folder(tmp_path)
    assert panel.symbols == ("AAAUSDT", "BBBUSDT")
    assert panel.volume.tolist() == [[5.0], [5.0]]
    assert minute_of(moment_of(panel.first_minute)) == panel.first_minute


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ((), "no bars"),
        ((FIRST, FIRST), "time order"),
        ((FIRST, "2025-05-30 18:40:00+00:00,10,12,9,11,5\n"), "gap"),
        (("2025-05-30 16:40:00,10,12,9,11,5\n",), "time zone"),
        (("2025-05-30 16:40:00+00:00,10,12,9,11,many\n",), "many"),
        (("2025-05-30 16:40:00+00:00,10,12,9,11,-5\n",), "volume"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(
    tmp_path: Path, lines: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(UnreadableBars, match=complaint):
        read_bars(_write(tmp_path, *lines))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "AAAUSDT_1m.csv"
    path.write_text("timestamp,high,low,close\n2025-05-30 16:40:00+00:00,12,9,11\n")
    with pytest.raises(UnreadableBars, match="volume"):
        read_bars(path)


def test_a_folder_without_bars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableBars, match="holds no"):
        read_folder(tmp_path)


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "AAAUSDT_1m.csv.gz"
    path.write_text("plain")
    with pytest.raises(UnreadableBars, match="AAAUSDT"):
        read_bars(path)

"""What the recorder writes, and what it leaves behind when it can't record."""

import io
import json
from pathlib import Path

import pytest
import zstandard

from paper_exchange.recorder import Recording, main, parser


def test_lines_are_kept_unchanged_and_frames_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.jsonl.zst"
    frame = '{"topic":"x","data":"ü"}'
    with Recording(path) as recording:
        recording.write("header", format=2)
        recording.write("recv", conn="linear.1", data=frame)
        assert recording.frames == 1
    with path.open("rb") as raw:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), "utf-8")
        lines = [json.loads(line) for line in text]
    assert [line["t"] for line in lines] == ["header", "recv"]
    assert lines[1]["data"] == frame
    with pytest.raises(FileExistsError):
        Recording(path)


def test_without_rules_nothing_is_recorded_and_no_file_stays(tmp_path: Path) -> None:
    # Nothing listens on port 1.
    words = ["--symbols", "X", "--rest", "http://127.0.0.1:1", "--out", str(tmp_path)]
    assert main(words) == 2
    assert not list(tmp_path.iterdir())


def test_bybit_is_recorded_by_default() -> None:
    args = parser().parse_args(["--symbols", "BTCUSDT"])
    assert (args.rest, args.stream) == ("https://api.bybit.com", "wss://stream.bybit.com")
    assert (args.categories, args.depth) == ("linear", 200)

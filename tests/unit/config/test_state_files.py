"""A file of ours that is damaged is one line with its path; one that isn't there is nothing."""

from pathlib import Path

import pytest

from config.state_files import DamagedFileError, read_object


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert read_object(file) is None
    file.write_text('{"port": 1, "name": "größe"}', encoding="utf-8")
    assert read_object(file) == {"port": 1, "name": "größe"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\0" * 512, "empty"),
        (b'{"port":', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "no JSON object"),
        (b"\xff\xfe", "no text"),
    ],
)
def test_damage_is_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFileError) as caught:
        read_object(file)
    assert str(caught.value) == f"{file} is damaged ({problem})"


def test_a_directory_in_its_place_is_no_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="can't be read"):
        read_object(tmp_path)

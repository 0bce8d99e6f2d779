"""A request in a file is read with every digit of its numbers."""

import io
from pathlib import Path

import pytest

from console.errors import CommandError, ExitCode
from console.runtime.request_file import read_request


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    file.write_text('{"price": 0.10000000000000000001, "count": 3}', encoding="utf-8")
    assert read_request(str(file)) == {"price": "0.10000000000000000001", "count": 3}


def test_a_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("[1]"))
    assert read_request("-") == [1]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1, "a": 2}'])
def test_what_is_no_json_is_a_usage_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "order.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match="is not JSON") as refused:
        read_request(str(file))
    assert refused.value.exit_code is ExitCode.USAGE


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"absent\.json can't be read"):
        read_request(str(tmp_path / "absent.json"))

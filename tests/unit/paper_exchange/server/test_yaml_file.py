"""Whatever is wrong with a YAML file is one line with its place."""

from pathlib import Path

import pytest

from paper_exchange.server.yaml_file import MAX_BYTES, YamlFileError, load_yaml


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("- uid: first\n  balances: {USDT: '1'}\n")
    assert load_yaml(file) == [{"uid": "first", "balances": {"USDT": "1"}}]
    file.write_text("")
    assert load_yaml(file) is None


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (b"a: 1\na: 2\n", 2, "the key 'a' stands here twice"),
        (b"a: &x 1\nb: *x\n", 2, "anchors and aliases are not supported"),
        (b"a: [1\n", 2, "not readable as YAML"),
        (b"a: 1\nb: \xff\n", 2, "is not in UTF-8"),
        (b"a: 2024-99-99\n", 1, "the value can't be read"),
        (b"[" * 25 + b"]" * 25, 1, "nested deeper than 20 levels"),
        (b"x" * (MAX_BYTES + 1), None, "is longer than"),
    ],
)
def test_a_problem_has_its_line(
    content: bytes, line: int | None, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(YamlFileError) as caught:
        load_yaml(file)
    assert str(caught.value).startswith(f"{file}: " if line is None else f"{file}:{line}: ")
    assert problem in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(YamlFileError, match=r"nowhere\.yaml: can't be read"):
        load_yaml(tmp_path / "nowhere.yaml")

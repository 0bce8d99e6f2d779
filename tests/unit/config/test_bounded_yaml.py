"""Untrusted YAML is read within bounds, and every fault has its line."""

from pathlib import Path

import pytest

from config import bounded_yaml
from config.bounded_yaml import MAX_BYTES, MAX_DEPTH, YamlProblem


def test_sound_yaml_is_read_and_an_empty_text_is_nothing() -> None:
    assert bounded_yaml.load("a: [1, 2.5, x]\nb: {c: null}") == {
        "a": [1, 2.5, "x"],
        "b": {"c": None},
    }
    assert bounded_yaml.load("") is None


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a: 1\nb: [", "not readable", 2),
        ("a: 1\na: 2", "is given twice here", 2),
        ("2024-99-99", "can't be read", 1),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper", 1),
        ("a: &a [*a]", "contains itself", 1),
        ("a: !!python/object:os.system {}", "could not determine a constructor", 1),
    ],
    ids=lambda value: str(value)[:20],
)
def test_each_fault_is_a_line_and_a_sentence(text: str, words: str, line: int) -> None:
    with pytest.raises(YamlProblem, match=words) as caught:
        bounded_yaml.load(text)
    assert caught.value.line == line


def test_aliases_that_stand_for_too_much_are_refused() -> None:
    rows = ["a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]"]
    rows += [f"{to}: &{to} [{', '.join([f'*{of}'] * 10)}]" for of, to in ("ab", "bc", "cd", "de")]
    with pytest.raises(YamlProblem, match="expand to more than"):
        bounded_yaml.load("\n".join(rows))


def test_a_file_is_bounded_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(YamlProblem, match="is longer"):
        bounded_yaml.read_text(file)
    file.write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(YamlProblem, match="UTF-8") as caught:
        bounded_yaml.read_text(file)
    assert caught.value.line == 2
    with pytest.raises(YamlProblem, match="can't be read"):
        bounded_yaml.read_text(tmp_path / "absent.yaml")

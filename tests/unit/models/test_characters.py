"""A character that could steer a terminal is shown by its code."""

import pytest

from models.characters import code_of, visible, visible_line


@pytest.mark.parametrize(
    ("character", "code"),
    [
        ("\x1b", "\\x1b"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_a_code_is_as_long_as_its_number(character: str, code: str) -> None:
    assert code_of(character) == code
    assert visible(f"a{character}b") == f"a{code}b"


def test_letters_of_every_script_and_new_lines_stay() -> None:
    text = "Größe 数量\nзаявка"
    assert visible(text) == text
    assert visible_line(text) == "Größe 数量\\nзаявка"

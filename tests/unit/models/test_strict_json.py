"""JSON with every key once."""

import pytest

from models import strict_json


def test_it_reads_what_json_reads() -> None:
    assert strict_json.loads('{"a": [1.50, {"b": null}]}', parse_float=str) == {
        "a": ["1.50", {"b": None}]
    }
    assert strict_json.loads(b'{"a": 1}', object_hook=lambda found: len(found)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "'a' is there twice"),
        ('{"x": [{"a": 1, "a": 2}]}', "'a' is there twice"),
        ("[" * 100_000, "too deep"),
        ("9" * 5001, "digits"),
        ("{", "Expecting"),
    ],
)
def test_what_it_can_not_read_is_a_value_error(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        strict_json.loads(text)

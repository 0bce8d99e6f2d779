"""What a field accepts is told in words."""

from console.reference.fields import accepted


def test_bounds_and_choices_are_words() -> None:
    schema = {"$defs": {"Side": {"enum": ["buy", "sell"]}}}
    assert accepted({"$ref": "#/$defs/Side"}, schema) == "`buy`, `sell`"
    nullable = {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 2.0}, {"type": "null"}]
    }
    assert accepted(nullable, schema) == "a number above 0 up to 2"
    money = {"anyOf": [{"type": "string", "pattern": "x"}, {"type": "number"}]}
    assert accepted(money, schema) == "a number, best as text"

"""What a field of a message or a setting accepts, in words, from its JSON Schema."""

from collections.abc import Mapping
from typing import Any

from console.reference.markdown import code

_BOUNDS = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "up to {}",
    "exclusiveMaximum": "below {}",
}
_COUNTS = {
    "minLength": "at least {} characters",
    "maxItems": "at most {} entries",
    "maxProperties": "at most {} entries",
}
_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def accepted(facts: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The accepted values of a property; `schema` has the definitions that it refers to."""
    if "$ref" in facts:
        return accepted(schema["$defs"][facts["$ref"].rsplit("/", 1)[-1]], schema)
    if "enum" in facts:
        return ", ".join(code(str(value)) for value in facts["enum"])
    if "const" in facts:
        return code(str(facts["const"]))
    if "anyOf" in facts:
        return _alternatives(facts["anyOf"], schema)
    kind = _TYPES.get(str(facts.get("type")), "any value")
    if facts.get("format") in ("path", "date-time"):
        kind = {"path": "a path", "date-time": "a time"}[facts["format"]]
    bounds = (words.format(_short(facts[key])) for key, words in _BOUNDS.items() if key in facts)
    counts = (
        words.format(facts[key])
        for key, words in _COUNTS.items()
        if facts.get(key, 1) > 1  # one is no bound worth a word
    )
    return ", ".join((" ".join((kind, *bounds)), *counts))


def default_of(field: Any, facts: Mapping[str, Any]) -> str:
    """The default of a field of a model; empty where it is nothing."""
    if field.is_required():
        return "required"
    default = facts.get("default")
    if default in (None, "", [], {}):
        return ""
    return code(str(default).lower() if isinstance(default, bool) else _short(default))


def _alternatives(found: Any, schema: Mapping[str, Any]) -> str:
    """Numbers in text keep every digit: both forms are one to a reader."""
    kinds = [each for each in found if each.get("type") != "null"]
    if {each.get("type") for each in kinds} == {"string", "number"}:
        return "a number, best as text"
    return " or ".join(dict.fromkeys(accepted(each, schema) for each in kinds))


def _short(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

"""The published JSON Schema of the configuration file, derived from the declared keys."""

import json
from typing import Any

from config.declaration import HIGHER, LOWER, Declaration
from config.sections import SECTIONS, keys_of

RESERVED_NOTE = "reserved: not enforced yet"
"""The note beside a key that is checked and kept, but not enforced."""


def config_schema() -> dict[str, Any]:
    """The published JSON Schema of the configuration file."""
    layer = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _section_schema(name, complete=False) for name in SECTIONS},
    }
    scaled = {
        "type": "object",
        "additionalProperties": False,
        "description": "factors that multiply the values of the layers below",
        "properties": {name: _scale_schema(name) for name in SECTIONS},
    }
    mode = {**layer, "properties": {**layer["properties"], "scale": scaled}}  # type: ignore[dict-item]
    complete = {name: _section_schema(name, complete=True) for name in SECTIONS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlrisk risk configuration",
        "type": "object",
        "additionalProperties": False,
        "required": ["base"],
        "properties": {
            "base": {
                "type": "object",
                "additionalProperties": False,
                "required": list(SECTIONS),
                "properties": complete,
            },
            "environments": {"type": "object", "additionalProperties": layer},
            "modes": {"type": "object", "additionalProperties": mode},
            "overrides": layer,
        },
    }


def _section_schema(section: str, *, complete: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "description": SECTIONS[section],
        "properties": {key: _key_schema(declared) for key, declared in keys_of(section).items()},
    }
    if complete:
        schema["required"] = list(keys_of(section))
    return schema


def _scale_schema(section: str) -> dict[str, Any]:
    names = [key for key, declared in keys_of(section).items() if declared.kind is float]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"type": "number", "exclusiveMinimum": 0} for key in names},
    }


def _key_schema(declared: Declaration) -> dict[str, Any]:
    schema: dict[str, Any] = _type_schema(declared)
    bounds = {
        "minimum": declared.low,
        "maximum": declared.high,
        "exclusiveMinimum": declared.above,
    }
    schema.update({key: value for key, value in bounds.items() if value is not None})
    schema["default"] = declared.default
    schema["description"] = description(declared)
    return schema


def _type_schema(declared: Declaration) -> dict[str, Any]:
    word: dict[str, Any] = {"type": "string"}
    if declared.choices:
        word["enum"] = list(declared.choices)
    if declared.kind is str:
        return word
    if declared.kind is list:
        return {"type": "array", "items": word}
    name = {bool: "boolean", int: "integer", float: "number"}[declared.kind]
    return {"type": [name, "null"] if declared.nullable else name}


def description(declared: Declaration) -> str:
    """The description of a key in a few sentences: meaning, unit, stricter direction and bound."""
    parts = [declared.sentence]
    if declared.unit:
        parts.append(f"Unit: {declared.unit}.")
    if declared.stricter in (LOWER, HIGHER) and declared.kind is not bool:
        parts.append(f"A {declared.stricter} value is stricter.")
    if declared.at_most:
        parts.append(f"It must not exceed {declared.at_most}.")
    if declared.reserved:
        parts.append(f"{RESERVED_NOTE.capitalize()}.")
    return " ".join(parts)


def schema_text() -> str:
    """The schema as it is written to `ml_risk_config.schema.json`."""
    return json.dumps(config_schema(), indent=2) + "\n"

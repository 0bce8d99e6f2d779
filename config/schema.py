"""The published JSON Schema of the configuration file, made from the sections' bounds."""

import json
from typing import Any

from config.bounds import Bounds
from config.sections import SECTIONS, keys_of


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
        "properties": {key: _key_schema(bounds) for key, bounds in keys_of(section).items()},
    }
    if complete:
        schema["required"] = list(keys_of(section))
    return schema


def _scale_schema(section: str) -> dict[str, Any]:
    names = [key for key, bounds in keys_of(section).items() if bounds.kind is float]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"type": "number", "exclusiveMinimum": 0} for key in names},
    }


def _key_schema(bounds: Bounds) -> dict[str, Any]:
    word: dict[str, Any] = {"type": "string"}
    if bounds.choices:
        word["enum"] = list(bounds.choices)
    if bounds.kind is str:
        return {**word, "description": bounds.doc}
    if bounds.kind is list:
        return {"type": "array", "items": word, "description": bounds.doc}
    name = {bool: "boolean", int: "integer", float: "number"}[bounds.kind]
    schema: dict[str, Any] = {"type": [name, "null"] if bounds.nullable else name}
    limits = {"minimum": bounds.low, "maximum": bounds.high, "exclusiveMinimum": bounds.above}
    schema.update({key: value for key, value in limits.items() if value is not None})
    schema["description"] = bounds.doc
    return schema


def schema_text() -> str:
    """The schema as it is written to `ml_risk_config.schema.json`."""
    return json.dumps(config_schema(), indent=2) + "\n"

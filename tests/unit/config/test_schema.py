"""The JSON Schema of a configuration file."""

import json

import jsonschema
import yaml

from config.thresholds import (
    PACKAGED,
    schema_text,
)

TEXT = PACKAGED.read_text()


def test_the_schema_accepts_the_file() -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(yaml.safe_load(TEXT))) == []
    for old, new in (
        ("min_confidence: 0.6", "min_confidence: 2"),
        ("max_retries: 3", "max_retris: 3"),
        ("modes:", "mode:"),
        ("hard_caps: [", "hard_caps: [1, "),
        ("default_algorithm: auto", "default_algorithm: sniper"),
        ("backup_throttled: [retry]", "backup_throttled: [pray]"),
    ):
        assert old in TEXT
        assert list(validator.iter_errors(yaml.safe_load(TEXT.replace(old, new)))), new

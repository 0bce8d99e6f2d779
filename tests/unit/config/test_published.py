"""Derived files agree with the declarations, and a default is written so that YAML reads it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from config import published
from config.sections import DECLARED, SECTIONS, keys_of
from config.thresholds import load_base


@pytest.mark.parametrize("path", published.published(), ids=str)
def test_a_derived_file_is_not_older_than_the_declarations(path: Path) -> None:
    written = (published.ROOT / path).read_text(encoding="utf-8")
    assert written == published.published()[path], f"{path} is old: run make schema"


def test_the_base_layer_says_every_default_and_leaves_the_other_layers() -> None:
    text = published.with_base(
        "# head\nbase:\n  gate: {max_leverage: 9}\n\nenvironments:\n  e: {}\n"
    )
    written = yaml.safe_load(text)
    assert text.startswith("# head\nbase:\n")
    assert written["environments"] == {"e": {}}
    assert written["base"] == {
        name: {
            key: list(d.default) if d.kind is list else d.default
            for key, d in keys_of(name).items()
        }
        for name in SECTIONS
    }


def test_the_packaged_base_is_the_declared_defaults() -> None:
    assert load_base(published.ROOT / published.CONFIGURATION).values() == {
        path: declared.default for path, declared in DECLARED.items()
    }


@pytest.mark.parametrize(
    "value", [None, True, 3, 3.0, 0.1, 1e-05, 86_400.0, ("retry", "stop_and_alert"), ()]
)
def test_a_value_is_written_as_yaml_reads_it(value: Any) -> None:
    read = yaml.safe_load(published.value_text(value))
    assert read == (list(value) if isinstance(value, tuple) else value)


def test_the_table_has_a_row_for_each_key() -> None:
    text = published.table_text()
    assert all(f"\n| `{declared.key}` |" in text for declared in DECLARED.values())
    assert text.count("**Reserved: not enforced yet.**") == sum(
        d.reserved for d in DECLARED.values()
    )

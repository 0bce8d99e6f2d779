"""A layered file is read with every error at once, each with its line."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.loading import ConfigError, check_value, from_mapping, nearest, parse, read, unknown_key
from config.sections import DECLARED

TEXT = """base:
  ml_risk_thresholds: {min_confidence: 2}
  gatte: {}
modes:
  careful:
    scale:
      ml_risk_thresholds: {min_confidence: 0.5}
    gate: {max_slices: many}
"""


def test_every_problem_is_told_with_file_and_line() -> None:
    found = parse(TEXT, "limits.yaml")
    told = "\n".join(found.problems)
    for place in ("limits.yaml:2: base.ml_risk_thresholds.min_confidence", "limits.yaml:3"):
        assert place in told
    assert "'gatte' (did you mean 'gate'?)" in told
    assert "modes.careful.gate.max_slices" in told
    assert found.names("modes") == ["careful"]
    assert found.layers["modes.careful"].scales["ml_risk_thresholds.min_confidence"][0] == 0.5


def test_a_text_without_a_base_says_so_and_one_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    assert parse("modes: {}", "f").problems == ["f: the layer 'base' is missing"]
    with pytest.raises(ConfigError, match="f:1"):
        parse("a: &a [*a]", "f")
    with pytest.raises(ConfigError, match="can't be read"):
        read(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("path", "value", "kept"),
    [
        ("ml_risk_thresholds.min_confidence", 1, 1.0),
        ("ml_risk_thresholds.min_confidence", Decimal("0.5"), 0.5),
        ("gate.max_slices", 7, 7),
    ],
)
def test_a_value_is_kept_in_its_own_type(path: str, value: Any, kept: Any) -> None:
    found, wrong = check_value(value, DECLARED[path])
    assert wrong is None
    assert found == kept and type(found) is type(kept)


@pytest.mark.parametrize("value", [True, "0.5", float("nan"), float("inf"), 10**400, [], None, 1.1])
def test_what_is_no_share_is_refused(value: Any) -> None:
    _, wrong = check_value(value, DECLARED["ml_risk_thresholds.min_confidence"])
    assert wrong is not None and "must be" in wrong


def test_an_unknown_key_is_told_its_section_or_its_nearest_name() -> None:
    assert unknown_key("max_slices", "quotas") == "unknown key 'max_slices' (it belongs to 'gate')"
    assert "'max_slices'" in unknown_key("max_slice", "gate")
    assert nearest("zzzzzz", ["a"]) == ""


def test_overrides_are_flat_or_nested_and_all_faults_come_at_once() -> None:
    flat = from_mapping({"gate.max_slices": 7}, "x").values
    assert from_mapping({"gate": {"max_slices": 7}}, "x").values == flat
    with pytest.raises(ConfigError) as refused:
        from_mapping({"gate.max_slices": "7", "gate.odd": 1, "odd": 1}, "x")
    assert len(refused.value.problems) == 3

"""What counts as tightening, and what a change says of itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.limits.changes import (
    checked,
    differences,
    direction_of,
    direction_of_value,
)
from config.declaration import HIGHER, LOWER, Stricter
from config.sections import DECLARED
from config.thresholds import ConfigError, MLRiskConfigManager
from models.documents.limits import ValueChange
from models.enums import Direction
from models.repositories.configurations import digest

TIGHTENING, LOOSENING, MIXED = Direction.TIGHTENING, Direction.LOOSENING, Direction.MIXED
DIRECTED = sorted(
    path
    for path, declared in DECLARED.items()
    if declared.stricter is not Stricter.UNKNOWN and declared.kind is not bool
)
numbers = st.floats(0, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("path", "before", "after", "direction"),
    [
        ("circuit_breakers.daily_loss_limit", 0.02, 0.01, TIGHTENING),
        ("circuit_breakers.daily_loss_limit", 0.02, 0.03, LOOSENING),
        ("ml_risk_thresholds.min_confidence", 0.6, 0.7, TIGHTENING),
        ("ml_risk_thresholds.min_confidence", 0.6, 0.5, LOOSENING),
        ("gate.max_order_notional", None, 1000, TIGHTENING),
        ("gate.max_order_notional", 1000, None, LOOSENING),
        ("gate.require_model_version", False, True, TIGHTENING),
        ("gate.require_model_version", True, False, LOOSENING),
        ("circuit_breakers.auto_recovery", True, False, TIGHTENING),
        ("position_monitoring.take_profit", 0.15, 0.1, LOOSENING),
        ("position_monitoring.take_profit", 0.15, 0.2, LOOSENING),
        ("gate.hard_caps", ("impact",), ("impact", "depth"), LOOSENING),
        ("gate.hard_caps", ("impact",), (), LOOSENING),
        ("gate.full_size_spread_bps", 5, 6, LOOSENING),
        ("emergency_stops.manual_recovery_required", True, False, LOOSENING),
        ("working.default_algorithm", "auto", "immediate", LOOSENING),
        ("working.backup_throttled", ("retry",), ("retry", "retry"), LOOSENING),
        ("working.participation_cap", 0.1, None, LOOSENING),
        ("working.participation_cap", None, 0.1, TIGHTENING),
        ("working.min_pace_seconds", 5, 1, LOOSENING),
    ],
)
def test_the_direction_follows_the_sense_of_the_key(
    path: str, before: Any, after: Any, direction: Direction
) -> None:
    assert direction_of_value(path, before, after) is direction


@given(path=st.sampled_from(DIRECTED), one=numbers, other=numbers)
def test_what_tightens_one_way_loosens_the_other(path: str, one: float, other: float) -> None:
    if one != other:
        there, back = direction_of_value(path, one, other), direction_of_value(path, other, one)
        assert {there, back} == {TIGHTENING, LOOSENING}


@given(path=st.sampled_from(sorted(DECLARED)), one=numbers, other=numbers)
def test_a_key_without_a_known_sense_never_tightens(path: str, one: float, other: float) -> None:
    if DECLARED[path].stricter is Stricter.UNKNOWN:
        assert direction_of_value(path, one, other) is LOOSENING


@pytest.mark.parametrize(
    "key", [key for key in DIRECTED if key.split(".")[1][:4] in ("max_", "min_")]
)
def test_maxima_tighten_downwards_and_minima_upwards(key: str) -> None:
    expected = LOWER if key.split(".")[1].startswith("max_") else HIGHER
    assert DECLARED[key].stricter is expected


def test_a_change_is_mixed_as_soon_as_both_are_in_it() -> None:
    down = ValueChange("a", 2, 1, TIGHTENING)
    up = ValueChange("b", 1, 2, LOOSENING)
    assert direction_of([down]) is TIGHTENING
    assert direction_of([up, up]) is LOOSENING
    assert direction_of([down, up]) is MIXED


def test_only_what_differs_is_a_change() -> None:
    before = MLRiskConfigManager().get_config()
    after = MLRiskConfigManager(overrides={"gate.max_leverage": 2, "gate.max_slices": 2000})
    assert differences(before, after.get_config()) == (
        ValueChange("gate.max_leverage", 3.0, 2.0, TIGHTENING),
    )


def test_wrong_wishes_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        checked(
            {"gate.max_leverage": float("nan"), "gate.max_slices": 2.5, "nowhere.x": 1},
            ["gate.max_leverage"],
            {},
        )
    assert len(refused.value.problems) == 5


def test_the_fingerprint_knows_values_and_not_how_they_were_written() -> None:
    first = digest("production", "conservative", {"a": 1, "b": True, "c": None, "d": ("x",)})
    same = digest("production", "conservative", {"d": ["x"], "c": None, "b": True, "a": 1.0})
    assert first == same
    assert first != digest("production", "conservative", {"a": 2, "b": True, "c": None, "d": ["x"]})
    assert first != digest("staging", "conservative", {"a": 1, "b": True, "c": None, "d": ["x"]})
    assert digest("p", "c", {"a": True}) != digest("p", "c", {"a": 1})

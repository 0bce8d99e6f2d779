"""How trades may be worked: every key arrives typed, and records of before it are readable."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.risk.codec import Unreadable, from_json, to_json
from bot.risk.limits import GATE_LIMITS, RiskLimits, config_path_of, limits_from_config
from bot.risk.selftest import self_test
from config.keys.working import WorkingRules
from config.loading import ConfigError
from config.thresholds import PACKAGED, MLRiskConfigManager
from models.backup import BackupStep
from models.enums import Algorithm


def rules(**changes: Any) -> WorkingRules:
    overrides = {f"working.{key}": value for key, value in changes.items()}
    manager = MLRiskConfigManager(PACKAGED, "production", "conservative", overrides=overrides)
    return limits_from_config(manager.get_config()).working


def test_the_packaged_file_has_the_defaults() -> None:
    assert rules() == WorkingRules()


def test_values_arrive_in_the_types_that_they_are_computed_with() -> None:
    made = rules(
        default_algorithm="pov",
        max_catch_up=1.1,
        participation_cap=None,
        exit_reserve=0,
        backup_price=["stop_and_alert"],
    )
    assert made.default_algorithm is Algorithm.POV
    assert made.max_catch_up == Decimal("1.1")
    assert made.participation_cap is None
    assert made.exit_reserve == 0
    assert made.backup_price == ("stop_and_alert",)
    assert isinstance(made.slow_volatility_ratio, float)
    assert isinstance(made.shrink_depth_share, Decimal)


def test_auto_leaves_the_algorithm_to_the_rule() -> None:
    assert rules(default_algorithm="auto").default_algorithm is None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("default_algorithm", "sniper", "must be one of auto, immediate, twap"),
        ("default_algorithm", None, "must be one of auto"),
        ("backup_price", ["retry", "pray"], "must be a list of retry, reduce_size"),
        ("backup_price", "retry", "must be a list of retry"),
        ("max_catch_up", 0.5, "must be a number from 1"),
        ("participation_cap", 0, "must be a number above 0 up to 1 or null"),
        ("hysteresis", 1.0, "must be a number from 0 up to 0.9"),
        ("hurry_speed", 0.9, "must be a number from 1"),
        ("slow_volatility_ratio", 3.0, "must not exceed working.pause_volatility_ratio"),
        ("shrink_spread_bps", 21, "must not exceed working.pause_spread_bps"),
        ("slow_drawdown_use", 0.95, "must not exceed working.pause_drawdown_use"),
        ("exit_reserve", 11, "must not exceed working.orders_per_second"),
        ("immediate_depth_share", 0.5, "must not exceed working.urgent_depth_share"),
    ],
)
def test_what_is_no_rule_is_refused_by_name(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules(**{key: value})
    assert f"working.{key}" in str(caught.value)
    assert message in str(caught.value)


def test_limits_of_before_the_section_are_read_with_its_defaults() -> None:
    stored = to_json(RiskLimits(min_confidence=0.7))
    del stored["working"]
    assert from_json(RiskLimits, stored) == RiskLimits(min_confidence=0.7)


def test_a_rule_that_this_version_does_not_know_is_refused_by_place() -> None:
    stored = to_json(RiskLimits())
    stored["working"]["speed_of_light"] = 1
    with pytest.raises(Unreadable, match=r"RiskLimits\.working: unknown speed_of_light"):
        from_json(RiskLimits, stored)


@given(
    default=st.none() | st.sampled_from(Algorithm),
    cap=st.none() | st.decimals(min_value="0.001", max_value=1, places=3),
    steps=st.lists(st.sampled_from(BackupStep), max_size=5),
)
def test_rules_survive_the_way_through_json(
    default: Algorithm | None, cap: Decimal | None, steps: list[str]
) -> None:
    limits = RiskLimits(
        working=WorkingRules(
            default_algorithm=default, participation_cap=cap, backup_margin=tuple(map(str, steps))
        )
    )
    assert from_json(RiskLimits, to_json(limits)) == limits


def test_no_limit_of_the_gate_stands_in_this_section() -> None:
    assert "working" not in GATE_LIMITS
    assert not [name for name in GATE_LIMITS if config_path_of(name).startswith("working.")]


def test_the_self_test_asks_for_no_breach_of_a_working_rule() -> None:
    loose = replace(WorkingRules(), participation_cap=None, pause_spread_bps=1e9)
    assert self_test(RiskLimits(working=loose)) == ()

"""The gate's limits out of the configuration, and the checks that cap a size."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from bot.risk.checks.registry import CHECKS
from bot.risk.gate import evaluate
from bot.risk.limits import GATE_LIMITS, SIZE_CAPS, RiskLimits, config_path_of, limits_from_config
from bot.risk.selftest.baseline import healthy
from config.sections import keys_of
from config.thresholds import (
    PACKAGED,
    MLRiskConfigManager,
    load_base,
)
from tests.unit.bot.risk.cases import D, limits

# Switched on so that every limit has something to bite on.
LIMITS = limits(max_order_notional=D("50000"), require_model_registry=True)


def test_every_check_names_limits_that_there_are() -> None:
    assert {each.limit for each in CHECKS if each.limit} <= {f.name for f in fields(RiskLimits)}


def test_the_size_caps_are_those_whose_result_carries_a_cap() -> None:
    base = healthy(LIMITS)
    carrying = set()
    for each in CHECKS:
        case, name = each.breach(base, LIMITS), each.rule.name
        assert case is not None
        if evaluate(case.intent, case.snapshot, LIMITS).check(name).cap is not None:
            carrying.add(name)
    assert carrying == SIZE_CAPS


def manager(environment: str = "production", mode: str = "conservative", **more: Any) -> Any:
    return MLRiskConfigManager(PACKAGED, environment, mode, **more)


def test_every_limit_of_the_gate_is_set_by_the_configuration() -> None:
    assert limits_from_config(load_base(PACKAGED)) == RiskLimits()
    tight = manager(overrides={"execution.max_slippage": 0.0007, "gate.max_order_notional": 5})
    limits = limits_from_config(tight.get_config())
    assert limits.max_slippage_bps == 7.0
    assert limits.max_order_notional == Decimal("5.0")
    assert limits.max_daily_loss_share == Decimal("0.015")


def test_every_key_of_the_gates_section_reaches_the_gate() -> None:
    used = {config_path_of(name) for name in GATE_LIMITS}
    assert {f"gate.{key}" for key in keys_of("gate")} <= used


def test_an_unknown_size_cap_is_refused() -> None:
    config = manager("development", overrides={"gate.hard_caps": ["deepth"]}).get_config()
    with pytest.raises(ValueError, match="names deepth; known: adv_share"):
        limits_from_config(config)

"""Each limit bites: alone where it can be alone, under every environment and mode."""

from dataclasses import replace

import pytest

from bot.risk.checks.check import Check
from bot.risk.checks.registry import CHECKS
from bot.risk.gate import evaluate
from bot.risk.limits import limits_from_config
from bot.risk.selftest import self_test
from bot.risk.selftest.baseline import healthy
from config.thresholds import MLRiskConfigManager
from models.enums import CheckStatus, Verdict
from tests.unit.bot.risk.cases import D, limits

# Switched on so that every limit has something to bite on.
LIMITS = limits(max_order_notional=D("50000"), require_model_registry=True)

# Breaches that other rules see too, because they look at the same fact.
ALSO = {
    "recovery": {"min_qty", "min_notional"},
    "expiry": {"time_to_expiry"},
    "reduce_only": {"min_qty"},
    "reference_price": {
        "spread",
        "slippage",
        "mark_deviation",
        "index_deviation",
        "min_qty",
        "min_notional",
    },
    "slippage": {"impact"},
    "correlated_exposure": {"min_notional"},
    "concentration": {"position_size", "correlated_exposure", "min_qty", "min_notional"},
    "drawdown": {"min_qty", "min_notional"},
}


@pytest.mark.parametrize("environment", ["production", "staging", "development"])
@pytest.mark.parametrize("mode", ["conservative", "aggressive", "paper_trading"])
def test_every_limit_bites_in_every_environment_and_mode(environment: str, mode: str) -> None:
    config = MLRiskConfigManager(environment=environment, trading_mode=mode).get_config()
    assert self_test(limits_from_config(config)) == ()


@pytest.mark.parametrize("broken", CHECKS, ids=lambda broken: broken.rule.name)
def test_the_breach_is_caught_by_its_own_check_alone(broken: Check) -> None:
    name = broken.rule.name
    case = broken.breach(healthy(LIMITS), LIMITS)
    assert case is not None
    decision = evaluate(case.intent, case.snapshot, LIMITS)
    assert decision.verdict is not Verdict.ALLOW
    failed = {
        result.name
        for result in decision.checks
        if result.status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)
    }
    assert failed - ALSO.get(name, set()) == {name}
    assert decision.check(name).reason in decision.reasons


@pytest.mark.parametrize("name", [row.rule.name for row in CHECKS])
def test_a_missing_check_is_found_out(name: str) -> None:
    rows = [row for row in CHECKS if row.rule.name != name]
    problems = self_test(LIMITS, rows)
    assert any(f"'{name}'" in problem for problem in problems)


def test_a_check_whose_breach_it_does_not_see_is_found_out() -> None:
    spread = next(each for each in CHECKS if each.rule.name == "spread")
    blind = spread._replace(rule=replace(spread.rule, name="new"))
    assert "the limit of 'new' (gate.max_spread_bps) does not bite: its breach was approved" in (
        self_test(LIMITS, [*CHECKS, blind])
    )

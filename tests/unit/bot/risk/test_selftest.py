"""Each limit bites: alone where it can be alone, under every environment and mode."""

from dataclasses import fields, replace

import pytest

from bot.risk import exposure
from bot.risk.checks import registry
from bot.risk.checks.check import Applies, Check, check
from bot.risk.checks.registry import CHECKS
from bot.risk.gate import evaluate
from bot.risk.limits import SIZE_CAPS, RiskLimits, limits_from_config
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


def asked_of(name: str, applies: Applies) -> list[Check]:
    return [r._replace(applies=applies) if r.rule.name == name else r for r in CHECKS]


def names_of(applies: Applies) -> list[str]:
    return [row.rule.name for row in CHECKS if row.applies is applies]


@pytest.mark.parametrize("name", sorted(set(names_of(Applies.ALWAYS)) - {"flip"}))
def test_a_check_that_does_not_bind_exits_any_more_is_found_out(name: str) -> None:
    """A flip adds, so that it is asked of it either way."""
    problems = self_test(LIMITS, asked_of(name, Applies.ADDING))
    assert f"the check {name!r} does not bind exits: its breach by one was approved" in problems


@pytest.mark.parametrize("name", names_of(Applies.ADDING) + names_of(Applies.MODEL))
def test_a_check_that_would_block_exits_is_found_out(name: str) -> None:
    problems = self_test(LIMITS, asked_of(name, Applies.ALWAYS))
    assert any(f"{name!r}" in problem and "exit" in problem for problem in problems)


@pytest.mark.parametrize("name", names_of(Applies.MODEL))
def test_a_model_check_that_lets_close_what_is_others_is_found_out(name: str) -> None:
    problems = self_test(LIMITS, asked_of(name, Applies.ADDING))
    assert f"the breach of {name!r} closes more than the strategy's own share" in problems


def test_a_gate_that_knows_no_shares_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        exposure, "_own_part", lambda _intent, _share, _sign, reducing: (reducing, None)
    )
    problems = self_test(LIMITS)
    assert "a strategy's own share does not bind its reduce-only exits" in problems
    assert len([p for p in problems if "own share" in p]) == 1 + len(names_of(Applies.MODEL))


def test_every_check_that_binds_exits_has_a_breach_by_one() -> None:
    for each in CHECKS:
        assert (each.exit_breach is not None) is (each.applies is Applies.ALWAYS)
    spread = next(each for each in CHECKS if each.rule.name == "spread")
    with pytest.raises(ValueError, match="spread: a check has an exit_breach if it always applies"):
        check(spread.rule, breach=spread.breach, applies=Applies.ALWAYS)(spread.ask)


def test_every_check_names_limits_that_there_are() -> None:
    assert {each.limit for each in CHECKS if each.limit} <= {f.name for f in fields(RiskLimits)}


def test_a_check_whose_breach_it_does_not_see_is_found_out() -> None:
    spread = next(each for each in CHECKS if each.rule.name == "spread")
    blind = spread._replace(rule=replace(spread.rule, name="new"))
    assert "the limit of 'new' (gate.max_spread_bps) does not bite: its breach was approved" in (
        self_test(LIMITS, [*CHECKS, blind])
    )


def test_every_declared_check_has_its_line_in_the_registry() -> None:
    assert {each.rule.name for each in registry.declared()} == {each.rule.name for each in CHECKS}


@pytest.mark.parametrize(
    "broken",
    [
        limits(max_spread_bps=float("nan")),
        limits(max_position_share=D("NaN")),
        limits(max_positions=0),
        limits(full_size_confidence=1.5),
    ],
)
def test_limits_that_let_no_sound_trade_pass_are_found_out(broken: RiskLimits) -> None:
    assert self_test(broken)


def test_the_size_caps_are_those_whose_result_carries_a_cap() -> None:
    base = healthy(LIMITS)
    carrying = set()
    for each in CHECKS:
        case, name = each.breach(base, LIMITS), each.rule.name
        assert case is not None
        if evaluate(case.intent, case.snapshot, LIMITS).check(name).cap is not None:
            carrying.add(name)
    assert carrying == SIZE_CAPS


def test_names_are_unique_and_each_check_has_one_row() -> None:
    names = [row.rule.name for row in CHECKS]
    assert len(set(names)) == len(names)
    assert len({row.ask for row in CHECKS}) == len(CHECKS)
    assert len(CHECKS) >= 50


def test_what_protects_a_reduction_itself_always_applies() -> None:
    always = {row.rule.name for row in CHECKS if row.applies is Applies.ALWAYS}
    assert always == {
        "trading_state",
        "flip",
        "expiry",
        "duplicate_request",
        "reduce_only",
        "instrument",
        "tick",
        "min_qty",
    }

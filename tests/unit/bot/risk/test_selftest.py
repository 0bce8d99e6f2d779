"""Each limit bites: alone where it can be alone, under every environment and mode."""

from dataclasses import fields

import pytest

from bot.risk import exposure
from bot.risk.checks.registry import CHECKS, Applies, Row
from bot.risk.gate import evaluate
from bot.risk.limits import SIZE_CAPS, RiskLimits, limits_from_config
from bot.risk.selftest import self_test
from bot.risk.selftest.baseline import healthy
from bot.risk.selftest.breaches import BREACHES
from bot.risk.selftest.exits import BINDING, MODEL
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


@pytest.mark.parametrize("name", [row.rule.name for row in CHECKS])
def test_the_breach_is_caught_by_its_own_check_alone(name: str) -> None:
    case = BREACHES[name].make(healthy(LIMITS), LIMITS)
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


def asked_of(name: str, applies: Applies) -> list[Row]:
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
    assert len([p for p in problems if "own share" in p]) == 1 + len(MODEL)


def test_every_check_that_binds_exits_has_a_breach_by_one() -> None:
    assert set(names_of(Applies.ALWAYS)) == BINDING.keys()
    assert set(names_of(Applies.MODEL)) == MODEL


def test_a_check_without_a_breach_is_found_out() -> None:
    extra = CHECKS[0]._replace(rule=CHECKS[0].rule.__class__("new", *_rest(CHECKS[0].rule)))
    assert any("'new' has no synthetic breach" in p for p in self_test(LIMITS, [*CHECKS, extra]))


def _rest(rule: object) -> tuple[object, ...]:
    return tuple(getattr(rule, f.name) for f in fields(rule)[1:])  # type: ignore[arg-type]


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
    for name, breach in BREACHES.items():
        case = breach.make(base, LIMITS)
        assert case is not None
        if evaluate(case.intent, case.snapshot, LIMITS).check(name).cap is not None:
            carrying.add(name)
    assert carrying == SIZE_CAPS


def test_names_are_unique_and_each_check_has_one_row() -> None:
    names = [row.rule.name for row in CHECKS]
    assert len(set(names)) == len(names)
    assert len({row.check for row in CHECKS}) == len(CHECKS)
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

"""A trade risks what it loses at its stop, or in a bad day without one."""

from dataclasses import replace
from typing import Any

from bot.risk.decision import CheckResult
from bot.risk.gate import evaluate
from bot.risk.snapshot import RiskSnapshot
from models.enums import TradeBlockReason, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D, held
from tests.unit.bot.risk.checks.asking import (
    FAIL,
    PASS,
    SELL,
    SKIPPED,
    UNKNOWN,
    asked,
    owning,
    trading,
)


def risk_of(snapshot: RiskSnapshot, risk: str = "0.02", **intent: Any) -> CheckResult:
    return asked(
        "trade_risk", cases.intent(**intent), snapshot, cases.limits(max_portfolio_risk=D(risk))
    )


def test_a_trade_risks_what_it_loses_at_its_stop() -> None:
    """`max_portfolio_risk` caps what a trade may lose at its stop."""
    at_the_limit = risk_of(cases.snapshot(), "0.003", stop_price=D("27000"))
    assert (at_the_limit.status, at_the_limit.margin) == (PASS, "0")
    assert at_the_limit.value == "300"
    beyond = risk_of(cases.snapshot(), "0.00299", stop_price=D("27000"))
    assert (beyond.status, beyond.cap) == (FAIL, D("2990"))
    assert "at the stop" in beyond.sentence
    assert beyond.reason is TradeBlockReason.PORTFOLIO_RISK_LIMIT
    short = risk_of(cases.snapshot(), "0.02", side=SELL, stop_price=D("32999.89"))
    assert short.value == "300"
    for gains in (D("30000"), D("31000"), D("0"), D("NaN")):
        assert risk_of(cases.snapshot(), stop_price=gains).status is UNKNOWN


def test_without_a_stop_a_trade_risks_its_bad_day() -> None:
    normal = risk_of(trading(volatility=0.05, volatility_baseline=0.05))
    assert normal.value == "309.40692"
    assert "normal law" in normal.sentence
    calm_hour = risk_of(trading(volatility=0.03, volatility_baseline=0.05))
    assert calm_hour.value == "309.40692"
    assert risk_of(trading(volatility=0.05, volatility_baseline=None)).value == "309.40692"
    known = risk_of(trading(volatility=0.05, expected_shortfall=0.1))
    assert known.value == "300"
    assert "of the daily returns" in known.sentence
    for missing in ({"volatility": None}, {"volatility": 0.0}, {"expected_shortfall": -0.1}):
        assert risk_of(trading(**missing)).status is UNKNOWN
    assert risk_of(cases.snapshot(market=None)).status is UNKNOWN


def test_a_trade_in_parts_is_no_way_around_its_risk() -> None:
    market = cases.market(volatility=0.05, expected_shortfall=0.1)
    holding = cases.snapshot(market=market, portfolio=cases.portfolio(positions=(held("0.1"),)))
    assert risk_of(holding).value == "600"
    assert risk_of(holding, "0.005").cap == D("2000")
    assert risk_of(holding, stop_price=D("29700")).value == "330"
    unmeasured = replace(holding, market=cases.market(volatility=None))
    assert risk_of(unmeasured, stop_price=D("29700")).status is UNKNOWN


def test_what_only_reduces_is_not_asked_for_its_risk() -> None:
    holding = owning(positions=(held("1"),))
    assert risk_of(holding, "0.000001", side=SELL).status is SKIPPED


def test_a_trade_that_risks_too_much_is_made_smaller() -> None:
    tight = cases.limits(max_portfolio_risk=D("0.001"))
    decision = evaluate(cases.intent(stop_price=D("27000")), cases.snapshot(), tight)
    assert (decision.verdict, decision.capped_by) == (Verdict.SHRINK, "trade_risk")
    assert decision.approved_notional == 990

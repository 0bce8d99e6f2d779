"""Who blocked a trade, and which trade the gate would have allowed without that."""

from decimal import Decimal
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decision.decide import decide
from bot.gate_value.attribution import FACTOR, Attribution, attribute
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import Verdict
from tests.support.properties import examples
from tests.unit.bot.risk import cases

D = Decimal


def of(intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits) -> Attribution:
    made = decide(intent, snapshot, limits).decision
    assert made.verdict is not Verdict.ALLOW
    return attribute(intent, snapshot, limits, made)


def shares(found: Attribution) -> dict[str, float]:
    return {blocker.name: blocker.share for blocker in found.blockers}


def whole() -> Decimal:
    made = decide(cases.intent(), cases.snapshot(), cases.LIMITS).decision
    assert made.verdict is Verdict.ALLOW
    return made.approved_qty


def test_the_only_check_that_denies_has_the_whole_block() -> None:
    found = of(cases.intent(), cases.snapshot(), cases.limits(min_prediction_stability=0.95))
    assert shares(found) == {"prediction_stability": 1.0}
    assert found.allowed is not None
    assert found.allowed.plan.qty == whole()


def test_checks_that_deny_together_have_equal_parts() -> None:
    limits = cases.limits(min_prediction_stability=0.95, min_ensemble_agreement=0.95)
    found = of(cases.intent(), cases.snapshot(), limits)
    assert shares(found) == {"ensemble_agreement": 0.5, "prediction_stability": 0.5}
    assert found.allowed is not None
    assert found.allowed.plan.qty == whole()


def test_the_cap_that_set_the_size_has_the_shrinkage() -> None:
    limits = cases.limits(max_position_share=D("0.015"))
    made = decide(cases.intent(), cases.snapshot(), limits).decision
    assert made.verdict is Verdict.SHRINK
    found = of(cases.intent(), cases.snapshot(), limits)
    assert shares(found) == {"position_size": 1.0}
    assert found.allowed is not None
    assert found.allowed.plan.qty == whole()


def test_without_one_cap_the_next_one_still_binds() -> None:
    limits = cases.limits(
        max_position_share=D("0.009"), max_reservation_share=D("0.015"), hard_caps=frozenset()
    )
    found = of(cases.intent(), cases.snapshot(), limits)
    assert shares(found) == {"position_size": 1.0}
    assert found.allowed is not None
    assert found.allowed.decision.approved_notional == D(1500)


def test_factors_share_by_logarithm_and_the_smallest_has_most() -> None:
    limits = cases.limits(full_size_confidence=0.99, full_size_uncertainty=0.05)
    found = of(cases.intent(), cases.snapshot(), limits)
    parts = shares(found)
    assert set(parts) == {FACTOR + "confidence", FACTOR + "uncertainty"}
    assert sum(parts.values()) == pytest.approx(1.0)
    made = decide(cases.intent(), cases.snapshot(), limits).decision
    cut = {factor.name: log(factor.value) for factor in made.factors if factor.value < 1}
    expected = {FACTOR + name: value / sum(cut.values()) for name, value in cut.items()}
    assert parts == pytest.approx(expected)
    assert len(set(parts.values())) == 2
    assert found.allowed is not None
    assert found.allowed.plan.qty == whole()


def test_what_the_exchange_does_not_take_is_no_trade_without_the_check() -> None:
    closed = cases.snapshot(instrument=cases.instrument(status="Closed"))
    found = of(cases.intent(), closed, cases.limits(min_prediction_stability=0.95))
    assert shares(found) == {"instrument_status": 1.0}
    assert found.allowed is None


def test_an_order_under_the_smallest_one_has_no_trade_either() -> None:
    found = of(cases.intent(notional=D(10)), cases.snapshot(), cases.LIMITS)
    assert found.allowed is None
    assert set(shares(found)) <= {"min_qty", "min_notional"}


def test_without_a_market_there_is_no_trade() -> None:
    found = of(cases.intent(), cases.snapshot(market=None), cases.LIMITS)
    assert found.allowed is None


@given(
    stability=st.floats(0.0, 1.0),
    agreement=st.floats(0.0, 1.0),
    most=st.integers(1, 5000),
    confidence=st.floats(0.0, 1.0),
)
@settings(max_examples=examples(40))
def test_shares_add_up_and_more_is_allowed_than_was(
    stability: float, agreement: float, most: int, confidence: float
) -> None:
    limits = cases.limits(
        min_prediction_stability=stability,
        min_ensemble_agreement=agreement,
        max_order_notional=D(most),
    )
    intent = cases.intent(model=cases.model(confidence=confidence))
    made = decide(intent, cases.snapshot(), limits).decision
    if made.verdict is Verdict.ALLOW:
        return
    found = attribute(intent, cases.snapshot(), limits, made)
    assert sum(shares(found).values()) == pytest.approx(1.0)
    if found.allowed is not None:
        assert found.allowed.plan.qty > made.approved_qty

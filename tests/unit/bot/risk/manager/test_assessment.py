"""A decision as the original interface tells it: a score, a level and a recommendation."""

import pytest

from bot.risk.gate import evaluate
from bot.risk.manager.assessment import assess, risk_level
from bot.risk.snapshot import RiskSnapshot, ScopeState, TradeIntent
from models.enums import MLRiskLevel, TradingState
from tests.unit.bot.risk import cases

HALTED = (ScopeState("global", TradingState.HALTED),)
BEST = cases.model(
    confidence=1.0, uncertainty=0.0, ensemble_agreement=1.0, prediction_stability=1.0
)


def level(intent: TradeIntent, snapshot: RiskSnapshot) -> MLRiskLevel:
    return risk_level(intent, evaluate(intent, snapshot, cases.LIMITS))


def test_a_sound_trade_of_a_sure_model_is_of_low_risk_and_recommended() -> None:
    intent = cases.intent(model=BEST)
    decision = evaluate(intent, cases.snapshot(), cases.LIMITS)
    told = assess(intent, decision)
    assert told.recommended_action == "execute"
    assert told.risk_factors == []
    assert told.overall_ml_risk is risk_level(intent, decision)
    assert told.feature_importance_score == 1.0
    assert 0.0 <= told.risk_score < 0.45


def test_a_worse_model_is_never_of_less_risk() -> None:
    scores = []
    for confidence in (0.9, 0.7, 0.4, 0.1, None):
        intent = cases.intent(model=cases.model(confidence=confidence))
        decision = evaluate(intent, cases.snapshot(), cases.LIMITS)
        scores.append(assess(intent, decision).risk_score)
    assert scores == sorted(scores)


def test_a_denial_is_rejected_with_its_causes_and_a_shrunk_trade_reduced() -> None:
    bad = cases.intent(model=cases.model(confidence=0.1))
    told = assess(bad, evaluate(bad, cases.snapshot(), cases.LIMITS))
    assert told.recommended_action == "reject"
    assert any("onfidence" in factor for factor in told.risk_factors)
    large = cases.intent(notional=cases.D(30_000))
    decision = evaluate(large, cases.snapshot(), cases.LIMITS)
    assert assess(large, decision).recommended_action == "reduce_size"


def test_a_halt_is_the_highest_level() -> None:
    halted = cases.snapshot(states=HALTED)
    intent = cases.intent(model=BEST)
    decision = evaluate(intent, halted, cases.LIMITS)
    told = assess(intent, decision)
    assert told.overall_ml_risk is MLRiskLevel.EMERGENCY_STOP
    assert told.recommended_action == "emergency_stop"


@pytest.mark.parametrize("broken", [float("nan"), 1.5, -0.1])
def test_a_score_that_is_none_counts_as_the_worst(broken: float) -> None:
    missing = cases.intent(model=cases.model(confidence=None))
    odd = cases.intent(model=cases.model(confidence=broken))
    snapshot = cases.snapshot()
    found = [assess(i, evaluate(i, snapshot, cases.LIMITS)).risk_score for i in (missing, odd)]
    assert found[0] == pytest.approx(found[1])

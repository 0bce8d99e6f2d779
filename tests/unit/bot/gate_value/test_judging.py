"""A stored decision becomes a question, and the market's minutes answer it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.decision.decide import decide
from bot.gate_value.judging import answer, ask, question_of
from bot.gate_value.worth import Worth
from bot.market.bars import MINUTE, Bar
from bot.risk import codec
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.enums import NotValued, TradeSide, Verdict
from models.tables import DecisionRow
from tests.unit.bot.risk import cases

D = Decimal
STRICT = cases.limits(min_prediction_stability=0.95)


def row(
    intent: TradeIntent | None = None,
    snapshot: RiskSnapshot | None = None,
    limits: RiskLimits = STRICT,
    **changes: Any,
) -> DecisionRow:
    intent, snapshot = intent or cases.intent(), snapshot or cases.snapshot()
    made = decide(intent, snapshot, limits).decision
    columns: dict[str, Any] = {
        "request_id": intent.request_id,
        "verdict": made.verdict,
        "approved_qty": made.approved_qty,
        "intent": codec.to_json(intent),
        "snapshot": codec.to_json(snapshot),
        "limits": codec.to_json(limits),
        "decided_at": made.decided_at,
    }
    return DecisionRow(**columns | changes)


def rising(minutes: int) -> list[Bar]:
    prices = [D(30_000 + 100 * minute) for minute in range(minutes)]
    return [Bar(cases.NOW + n * MINUTE, p, p, p, p, D(1), p) for n, p in enumerate(prices, start=0)]


def test_a_denial_is_the_whole_trade_and_a_shrinkage_is_the_rest() -> None:
    denied = question_of(row())
    assert denied.missed is not None
    assert denied.missed.qty == D("0.1")
    shrunk = question_of(row(limits=cases.limits(max_position_share=D("0.012"))))
    assert shrunk.missed is not None
    assert (shrunk.missed.allowed_qty, shrunk.missed.qty) == (D("0.04"), D("0.06"))
    assert shrunk.known_at == cases.NOW + timedelta(minutes=5)


def test_the_answer_comes_from_the_markets_minutes() -> None:
    found = answer(question_of(row()), rising(6), D("0.0005"))
    assert isinstance(found, Worth)
    assert found.exit_price == D(30_400)
    assert found.profit > D(30)
    assert answer(question_of(row()), rising(3), D(0)) is NotValued.NO_MINUTES


def test_what_reduces_is_an_exit() -> None:
    held = cases.portfolio(positions=(cases.held("1"),), strategy_reserved=D(0))
    intent = cases.intent(side=TradeSide.SELL, reduce_only=True)
    made = row(intent, cases.snapshot(portfolio=held))
    assert made.verdict is not Verdict.DENY or question_of(made).not_valued is NotValued.EXIT
    blocked = cases.intent(side=TradeSide.SELL, reduce_only=True)
    nothing = row(blocked, cases.snapshot())
    assert nothing.verdict is Verdict.DENY
    assert question_of(nothing).not_valued is NotValued.EXIT


@pytest.mark.parametrize("horizon", [float("nan"), float("inf"), -1.0, 1e12])
def test_a_horizon_that_can_not_be_read_is_no_plan(horizon: float) -> None:
    question = question_of(row(cases.intent(horizon_seconds=horizon)))
    assert question.not_valued is NotValued.NO_PLAN
    assert answer(question, rising(6), D(0)) is NotValued.NO_PLAN


def test_a_decision_that_this_code_makes_otherwise_is_not_valued() -> None:
    assert question_of(row(verdict=Verdict.SHRINK)).not_valued is NotValued.OTHER_GATE
    unreadable = row()
    unreadable.snapshot = {"no": "snapshot"}
    assert question_of(unreadable).not_valued is NotValued.OTHER_GATE


def test_the_question_says_who_blocked() -> None:
    made = decide(cases.intent(), cases.snapshot(), STRICT).decision
    question = ask(cases.intent(), cases.snapshot(), STRICT, made)
    assert [each.name for each in question.attribution.blockers] == ["prediction_stability"]

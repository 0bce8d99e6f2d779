"""How the gate classifies, sizes and answers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.risk.decision import Decision
from bot.risk.gate import evaluate, floor_to_lot
from bot.risk.snapshot import PositionView, RiskSnapshot, ScopeState, WorkingView
from models.enums import (
    Algorithm,
    CheckStatus,
    ExposureDelta,
    TradeBlockReason,
    TradeSide,
    TradingState,
    Verdict,
)
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D, held

BUY, SELL = TradeSide.BUY, TradeSide.SELL


def holding(*positions: PositionView, **changes: Any) -> RiskSnapshot:
    return cases.snapshot(
        portfolio=cases.portfolio(positions=positions, **changes),
        correlations={"ETHUSDT": 0.0},
    )


def selling(qty: str, **changes: Any) -> Any:
    return cases.intent(side=SELL, notional=D(qty) * D("29999.9"), **changes)


def test_a_sound_trade_passes_whole_with_every_check_asked() -> None:
    decision = evaluate(cases.intent(), cases.snapshot(), cases.LIMITS)
    assert decision.verdict is Verdict.ALLOW
    assert decision.approved_qty == decision.requested_qty == D("0.1")
    assert decision.reference_price == D("30000")
    assert decision.reasons == ()
    assert {check.status for check in decision.checks} <= {CheckStatus.PASS, CheckStatus.SKIPPED}
    assert {factor.value for factor in decision.factors} == {D(1)}
    assert decision.decided_at == NOW


def test_a_reduce_only_request_beyond_the_position_closes_it() -> None:
    decision = evaluate(selling("1", reduce_only=True), holding(held("0.3")), cases.LIMITS)
    assert decision.exposure is ExposureDelta.CLOSES
    assert decision.verdict is Verdict.SHRINK
    assert decision.approved_qty == D("0.3")
    assert decision.reduce_only


def test_a_flip_that_may_open_keeps_its_whole_size() -> None:
    decision = evaluate(selling("0.2"), holding(held("0.1")), cases.LIMITS)
    assert decision.verdict is Verdict.ALLOW
    assert decision.approved_qty == D("0.2")
    assert not decision.reduce_only


@pytest.mark.parametrize(
    "changes",
    [
        {"model": cases.model(confidence=0.1)},
        {"model": cases.model(predicted_at=None)},
        {"created_at": NOW - timedelta(hours=1)},
    ],
)
def test_a_flip_whose_opening_part_is_denied_keeps_its_closing_part(changes: Any) -> None:
    decision = evaluate(selling("0.3", **changes), holding(held("0.1")), cases.LIMITS)
    assert decision.exposure is ExposureDelta.FLIPS
    assert decision.verdict is Verdict.SHRINK
    assert decision.approved_qty == D("0.1")
    assert decision.reduce_only


def test_factors_scale_only_what_opens() -> None:
    intent = selling("0.3", model=cases.model(uncertainty=0.4))
    decision = evaluate(intent, holding(held("0.1")), cases.LIMITS)
    # 0.1 closes, and 0.2 x (1 - 0.4) / (1 - 0.2) opens.
    assert decision.approved_qty == D("0.25")
    assert decision.reasons == (TradeBlockReason.MODEL_UNCERTAINTY_HIGH,)


def test_a_soft_cap_shrinks_and_is_named() -> None:
    decision = evaluate(cases.intent(notional=D("30000")), cases.snapshot(), cases.LIMITS)
    assert decision.verdict is Verdict.SHRINK
    assert decision.capped_by == "position_size"
    assert decision.approved_qty == D("0.333")
    assert decision.reasons == (TradeBlockReason.EXCESSIVE_POSITION_SIZE,)


def test_a_cap_that_is_configured_hard_denies() -> None:
    strict = cases.limits(hard_caps=frozenset({"position_size"}))
    decision = evaluate(cases.intent(notional=D("30000")), cases.snapshot(), strict)
    assert decision.verdict is Verdict.DENY


def test_working_orders_count_against_position_gross_and_net() -> None:
    working = (WorkingView("BTCUSDT", BUY, D("0.3"), D("9000")),)
    decision = evaluate(cases.intent(), holding(working=working), cases.LIMITS)
    assert decision.approved_notional == D("990")
    for name in ("position_size", "gross_exposure", "net_exposure"):
        assert decision.check(name).value == "12000"


def test_buys_convert_at_the_ask_and_sells_at_the_bid() -> None:
    wide = cases.snapshot(
        market=cases.market(bid=D("29990"), bids=((D("29990"), D("5")),), ask=D("30000"))
    )
    for side, price in ((BUY, "30000"), (SELL, "29990")):
        decision = evaluate(cases.intent(side=side, notional=D(price)), wide, cases.LIMITS)
        assert decision.reference_price == D(price)
        assert decision.requested_qty == D("1")


def test_a_reduction_without_a_touch_uses_the_mark_and_says_so() -> None:
    snapshot = replace(
        holding(held("0.3")), market=cases.market(bid=None, ask=None, mark=D("20000"))
    )
    decision = evaluate(cases.intent(side=SELL, notional=D("2000")), snapshot, cases.LIMITS)
    assert decision.verdict is Verdict.ALLOW
    assert decision.approved_qty == D("0.1")
    assert "mark" in decision.check("exposure").sentence


def test_without_any_price_even_the_quantity_is_unknown() -> None:
    position = PositionView("BTCUSDT", D("0.3"), None)
    snapshot = replace(holding(position), market=None)
    decision = evaluate(cases.intent(side=SELL, reduce_only=True), snapshot, cases.LIMITS)
    assert decision.verdict is Verdict.DENY
    assert decision.exposure is None
    assert len(decision.checks) > 50


def test_a_closing_order_below_the_minimum_quantity_is_denied() -> None:
    snapshot = replace(holding(held("0.3")), instrument=cases.instrument(min_qty=D("0.2")))
    decision = evaluate(selling("0.1"), snapshot, cases.LIMITS)
    assert decision.reasons == (TradeBlockReason.INSTRUMENT_FILTER,)


SMALL = cases.instrument(min_qty=D("0.5"))


def whole(**changes: Any) -> Decision:
    """An exit of all of a position of 0.3, whose smallest order is 0.5."""
    working = changes.pop("working", ())
    snapshot = replace(holding(held("0.3"), working=working), instrument=SMALL)
    exit_ = cases.intent(side=SELL, notional=D("9000"), reduce_only=True)
    return evaluate(replace(exit_, **changes), snapshot, cases.LIMITS)


def test_a_whole_position_below_the_minimum_quantity_is_closed() -> None:
    decision = whole()
    assert (decision.verdict, decision.approved_qty) == (Verdict.ALLOW, D("0.3"))
    assert decision.reduce_only
    assert "the whole position" in decision.check("min_qty").sentence
    assert whole(notional=D("90000")).approved_qty == D("0.3")
    assert whole(reduce_only=False, notional=D("8999.97")).approved_qty == D("0.3")


def test_less_than_a_whole_position_below_the_minimum_is_denied_with_a_way_out() -> None:
    decision = whole(notional=D("8000"))
    assert decision.approved_qty == 0
    assert "more than its worth of 8999.97 USDT" in decision.check("min_qty").sentence
    other_exit = (WorkingView("BTCUSDT", SELL, D("0.1"), D("3000"), reduce_only=True),)
    decision = whole(working=other_exit)
    assert decision.approved_qty == 0
    assert "no other exit of it" in decision.check("min_qty").sentence


def test_an_order_that_would_turn_a_small_position_is_no_closing() -> None:
    decision = whole(notional=D("12000"), reduce_only=False)
    assert decision.approved_qty == 0


def test_an_unreadable_position_elsewhere_stops_adding_but_no_reduction() -> None:
    other = PositionView("ETHUSDT", D("NaN"), D("2000"))
    adding = evaluate(cases.intent(), holding(other), cases.LIMITS)
    assert adding.verdict is Verdict.DENY
    assert adding.check("gross_exposure").status is CheckStatus.UNKNOWN
    reducing = evaluate(selling("0.1"), holding(held("0.3"), other), cases.LIMITS)
    assert reducing.verdict is Verdict.ALLOW


def test_the_strictest_state_of_all_scopes_wins() -> None:
    states = (
        ScopeState("global", TradingState.ACTIVE),
        ScopeState("symbol:BTCUSDT", TradingState.HALTED, "broken feed"),
        ScopeState("account:main", TradingState.REDUCING),
    )
    decision = evaluate(cases.intent(), cases.snapshot(states=states), cases.LIMITS)
    assert decision.reasons == (TradeBlockReason.EMERGENCY_STOP_ACTIVE,)
    assert "symbol:BTCUSDT: broken feed" in decision.check("trading_state").sentence


def test_an_unknown_state_stops_a_reduction_too() -> None:
    decision = evaluate(selling("0.1"), replace(holding(held("0.3")), states=()), cases.LIMITS)
    assert decision.verdict is Verdict.DENY


def test_a_recovery_scales_the_size() -> None:
    snapshot = cases.snapshot(
        states=(ScopeState("global", TradingState.RECOVERING),), recovery_share=0.25
    )
    decision = evaluate(cases.intent(), snapshot, cases.LIMITS)
    assert decision.approved_qty == D("0.025")
    assert decision.reasons == (TradeBlockReason.TRADING_STATE,)


def test_a_size_below_the_grid_names_the_factor_that_made_it() -> None:
    intent = cases.intent(notional=D("40"), model=cases.model(confidence=0.6))
    decision = evaluate(intent, cases.snapshot(), cases.LIMITS)
    assert decision.verdict is Verdict.DENY
    assert TradeBlockReason.INSUFFICIENT_CONFIDENCE in decision.reasons


def test_slices_share_the_depth_and_the_largest_order() -> None:
    thin = cases.snapshot(
        market=cases.market(ask_depth=D("2000")), instrument=cases.instrument(max_qty=D("0.03"))
    )
    at_once = evaluate(cases.intent(), thin, cases.LIMITS)
    assert at_once.verdict is Verdict.DENY
    sliced = evaluate(
        cases.intent(algorithm=Algorithm.TWAP, horizon_seconds=50.0, interval_seconds=10.0),
        thin,
        cases.LIMITS,
    )
    assert sliced.verdict is Verdict.ALLOW


@pytest.mark.parametrize("notional", ["0", "-5", "NaN", "Infinity", "sNaN"])
def test_a_notional_that_is_no_positive_number_is_denied(notional: str) -> None:
    decision = evaluate(cases.intent(notional=D(notional)), cases.snapshot(), cases.LIMITS)
    assert decision.verdict is Verdict.DENY
    assert decision.reasons


def test_a_lot_that_does_not_divide_the_quantity_rounds_down() -> None:
    assert floor_to_lot(D("1.999"), D("0.25")) == D("1.75")
    assert floor_to_lot(D("1"), None) == 0
    assert floor_to_lot(D("1"), D("0")) == 0
    assert floor_to_lot(D("-1"), D("1")) == 0


def test_an_approved_notional_has_no_more_decimals_than_a_row_keeps() -> None:
    lot, ask = D("0.000000000007"), D("30000.00000007")
    decision = evaluate(
        cases.intent(notional=D("2999.99")),
        cases.snapshot(
            market=cases.market(ask=ask),
            instrument=cases.instrument(qty_step=lot, min_qty=lot, tick_size=D("0.00000001")),
        ),
        cases.LIMITS,
    )
    assert decision.approved
    exact = decision.approved_qty * ask
    assert exact.quantize(D("1e-18")) != exact
    stored = decision.approved_notional
    assert stored.quantize(D("1e-18")) == stored
    assert 0 <= exact - stored < D("1e-18")

"""Whose a position is, kept by the fills that make it, and what that lets each strategy close."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from bot.decision.decide import decide
from bot.risk import codec
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from console.invariants.shares import shares_add_up
from models import migrate
from models.enums import TradeSide
from models.repositories.shares import taken
from models.tables import DecisionRow, ParentOrderRow, StrategyShareRow
from tests.support.desk import Desk

D = Decimal
LOST = {"confidence": 0.01, "uncertainty": 0.99}


def shares(desk: Desk) -> dict[str, Decimal]:
    with desk.db.reading() as session:
        assert shares_add_up(session) == []
        rows = session.scalars(select(StrategyShareRow)).all()
    return {row.strategy: row.filled_qty + row.taken_qty for row in rows}


def ask(desk: Desk, strategy: str, side: str, size: str = "1950", **changes: Any) -> dict[str, Any]:
    """A decision; 1,950 USDT are 0.03 of a coin."""
    desk.pass_time(1)
    name = f"r-{strategy}-{side}-{desk.clock.now():%H%M%S}"
    signal = {"position_size": size} | changes.pop("signal_data", {})
    return desk.approve(
        name, side=side, metadata={"strategy": strategy}, signal_data=signal, **changes
    )


def trade(desk: Desk, strategy: str, side: str, size: str = "1950", **changes: Any) -> Decimal:
    """What was approved and filled."""
    outcome = ask(desk, strategy, side, size, **changes)
    desk.send_due()
    desk.stream()
    return D(outcome["approved_qty"])


def foreign(desk: Desk, side: TradeSide, qty: str) -> None:
    """A person's order, the exchange's liquidation: nobody's trade."""
    execution = replace(
        desk.exchange.fills[0],
        exec_id=f"e-foreign-{side}-{qty}",
        order_link_id="by-hand",
        order_id="o-x",
        side=side,
        qty=D(qty),
    )
    desk.fill_book.apply_execution(execution, desk.clock.now(), source="stream")


def test_a_lost_model_does_not_close_what_another_strategy_holds(desk: Desk) -> None:
    assert trade(desk, "alpha", "buy") == D("0.03")
    for reduce_only in (False, True):
        outcome = ask(
            desk, "beta", "sell", ml_predictions=LOST, signal_data={"reduce_only": reduce_only}
        )
        assert outcome["verdict"] == "deny"
    assert "nothing_to_reduce" in outcome["reasons"]
    assert desk.position() == D("0.03")
    assert shares(desk) == {"alpha": D("0.03")}
    assert trade(desk, "alpha", "sell", ml_predictions=LOST) == D("0.03")
    assert shares(desk) == {"alpha": D(0)}


def test_a_strategy_closes_its_own_share_of_a_shared_position(desk: Desk) -> None:
    trade(desk, "alpha", "buy")
    trade(desk, "beta", "buy", "1300")
    outcome = ask(desk, "beta", "sell", "3000", ml_predictions=LOST)
    assert (outcome["verdict"], D(outcome["approved_qty"])) == ("shrink", D("0.02"))
    assert "insufficient_confidence" in outcome["reasons"]
    # What its first exit may still fill is spoken for.
    assert ask(desk, "beta", "sell", "1300", ml_predictions=LOST)["verdict"] == "deny"
    desk.send_due()
    desk.stream()
    assert shares(desk) == {"alpha": D("0.03"), "beta": D(0)}


def test_a_good_model_may_trade_against_another_and_both_shares_stay(desk: Desk) -> None:
    trade(desk, "alpha", "buy")
    assert trade(desk, "beta", "sell") == D("0.03")
    assert desk.position() == 0
    assert shares(desk) == {"alpha": D("0.03"), "beta": D("-0.03")}


def test_an_emergency_closes_everybodys_share_and_they_end_with_it(desk: Desk) -> None:
    trade(desk, "alpha", "buy")
    trade(desk, "beta", "buy", "1300")
    emergency = {"priority": "emergency", "signal_data": {"reduce_only": True}}
    assert trade(desk, "operator", "sell", "2600", ml_predictions=LOST, **emergency) == D("0.04")
    assert shares(desk) == {"alpha": D(0), "beta": D("0.01"), "operator": D(0)}
    # Alpha holds nothing any more and closes none of what beta has left.
    assert ask(desk, "alpha", "sell", ml_predictions=LOST)["verdict"] == "deny"


def test_what_the_exchange_closes_ends_shares_and_what_it_opens_is_nobodys(desk: Desk) -> None:
    trade(desk, "alpha", "buy")
    foreign(desk, TradeSide.SELL, "0.02")
    assert shares(desk) == {"alpha": D("0.01"), "": D(0)}
    foreign(desk, TradeSide.BUY, "0.05")
    assert shares(desk) == {"alpha": D("0.01"), "": D("0.05")}
    assert trade(desk, "alpha", "sell", ml_predictions=LOST) == D("0.01")


def test_a_strategys_hurried_exit_goes_before_its_own_slow_one_and_leaves_others_theirs(
    desk: Desk,
) -> None:
    trade(desk, "alpha", "buy")
    trade(desk, "beta", "buy", "1300")
    slow = {"algorithm": "twap", "horizon_seconds": 30, "interval_seconds": 5, "reduce_only": True}
    for strategy in ("alpha", "beta"):
        assert ask(desk, strategy, "sell", signal_data=slow)["verdict"] in ("allow", "shrink")
    hurried = ask(
        desk, "beta", "sell", "9000", priority="urgent", signal_data={"reduce_only": True}
    )
    assert D(hurried["approved_qty"]) == D("0.02")
    with desk.db.reading() as session:
        parents = session.scalars(select(ParentOrderRow)).all()
    untouched = [p for p in parents if p.strategy == "alpha" and p.side == "sell"]
    assert [(p.approved_qty, p.stop_reason) for p in untouched] == [(D("0.03"), None)]


def test_a_decision_with_a_share_replays(desk: Desk) -> None:
    trade(desk, "alpha", "buy")
    ask(desk, "beta", "sell", ml_predictions=LOST)
    with desk.db.reading() as session:
        rows = session.scalars(select(DecisionRow)).all()
    for row in rows:
        again = decide(
            codec.from_json(TradeIntent, row.intent),
            codec.from_json(RiskSnapshot, row.snapshot),
            codec.from_json(RiskLimits, row.limits),
        ).decision
        assert codec.to_json(again) == row.decision


def test_an_upgrade_finds_the_shares_in_the_fills(desk: Desk, migrated_url: str) -> None:
    trade(desk, "alpha", "buy")
    trade(desk, "beta", "buy", "1300")
    foreign(desk, TradeSide.SELL, "0.035")
    before = shares(desk)
    assert before == {"alpha": D(0), "beta": D("0.015"), "": D(0)}
    desk.db.dispose()
    migrate.downgrade(migrated_url, "0013")
    migrate.upgrade(migrated_url)
    assert shares(desk) == before


quantities = st.decimals("-3", "3", places=3)


@given(
    signed=quantities.filter(bool),
    before=quantities,
    others=st.dictionaries(st.sampled_from("abcd"), quantities),
)
def test_no_share_is_ever_taken_beyond_nothing(
    signed: Decimal, before: Decimal, others: dict[str, Decimal]
) -> None:
    found = taken(signed, before, others)
    for name, qty in found.items():
        assert others[name] * qty < 0
        assert abs(qty) <= abs(others[name])
    assert abs(sum(found.values())) <= abs(signed)


@pytest.mark.parametrize("side", [TradeSide.BUY, TradeSide.SELL])
def test_its_own_share_goes_first_and_the_largest_next(side: TradeSide) -> None:
    sign = side.sign
    others = {"a": D("-0.1") * sign, "b": D("-0.4") * sign, "c": D("2") * sign}
    assert taken(D(1) * sign, D("-0.7") * sign, others) == {"b": D("0.3") * sign}

"""Breakers trip on confirmed facts, move the trading state, and stop what was approved before."""

from dataclasses import replace
from decimal import Decimal

from bot.exchange.protocol import ExchangePosition
from bot.execution.sending.sender import SendResult
from bot.safety.monitor import Monitor
from models.enums import CircuitBreakerType, OrderStatus, ScopeKind, TradeSide, TradingState
from models.repositories.trading import snapshot_query
from models.repositories.trading.snapshot_query import TradeKey
from models.tables import BreakerRow
from tests.support.accounts.losses import account_state, lose
from tests.support.desk import ACCOUNT, Desk

D = Decimal


def test_one_bad_reading_is_a_glitch(desk: Desk, monitor: Monitor) -> None:
    lose(desk, monitor, "40000", 1)
    lose(desk, monitor, "100000", 3)
    assert account_state(desk) is TradingState.ACTIVE


def test_the_limit_itself_trips_and_a_cent_above_does_not(desk: Desk, monitor: Monitor) -> None:
    lose(desk, monitor, "97000.01", 4)
    assert account_state(desk) is TradingState.ACTIVE
    lose(desk, monitor, "97000.00", 3)
    assert account_state(desk) is TradingState.REDUCING
    with desk.db.reading() as session:
        row = session.get(
            BreakerRow, (ScopeKind.ACCOUNT, ACCOUNT, CircuitBreakerType.DAILY_LOSS_LIMIT)
        )
    assert row is not None
    assert row.tripped
    assert (row.value, row.limit) == ("0.030000", "0.03")


def test_a_tripped_breaker_denies_what_adds_and_lets_reduce(desk: Desk, monitor: Monitor) -> None:
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    lose(desk, monitor, "90000", 3)
    assert desk.approve("r-add")["verdict"] == "deny"
    reducing = desk.approve(
        "r-reduce", side="sell", signal_data={"position_size": "1000", "reduce_only": True}
    )
    assert reducing["verdict"] == "allow"
    assert desk.send(desk.children("r-reduce")[0].child_id) is SendResult.SENT


def test_positions_that_keep_disagreeing_trip_the_data_breaker(
    desk: Desk, monitor: Monitor
) -> None:
    desk.approve()
    desk.send(desk.child().child_id)
    desk.stream()
    (fill,) = desk.exchange.fills
    desk.exchange.fills.append(replace(fill, qty=D(1)))
    for expected in (TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING):
        monitor.judge_reconciliation(desk.reconciler.reconcile_account())
        assert account_state(desk) is expected


def bought_by_nobody(desk: Desk, qty: Decimal) -> None:
    """From now on the exchange's position is this much above our fills."""
    reported = desk.exchange.positions
    desk.exchange.positions = lambda: [  # type: ignore[method-assign]
        replace(p, qty=p.qty + qty) for p in reported()
    ]


def test_a_constant_difference_trips_while_we_trade_and_after_a_restart(
    desk: Desk, monitor: Monitor
) -> None:
    trade(desk, "buy-0", "buy", "65000")
    bought_by_nobody(desk, D(1))
    for number, expected in enumerate(("active", "active", "reducing"), start=1):
        desk.pass_time(20)
        trade(desk, f"buy-{number}", "buy", "65000")
        another_process = replace(monitor)
        another_process.judge_reconciliation(desk.reconciler.reconcile_account())
        assert account_state(desk) == expected


def test_a_difference_that_turns_is_a_glitch(desk: Desk, monitor: Monitor) -> None:
    trade(desk, "buy-0", "buy", "65000")
    for qty in (D(1), D(-2), D(2), D(-2), D(2)):
        bought_by_nobody(desk, qty)
        monitor.judge_reconciliation(desk.reconciler.reconcile_account())
    assert account_state(desk) is TradingState.ACTIVE


def test_a_fill_under_way_is_no_disagreement(desk: Desk) -> None:
    """The exchange's position was read before the stream brought the fill."""
    trade(desk, "buy-0", "buy", "65000")
    reported = desk.exchange.positions

    def filled_meanwhile() -> list[ExchangePosition]:
        desk.exchange.positions = reported  # type: ignore[method-assign]
        desk.approve("r-2", signal_data={"position_size": "1000"})
        desk.send_due()
        return list(reported())

    desk.exchange.positions = filled_meanwhile  # type: ignore[method-assign]
    assert desk.reconciler.position_differences() == {}


def test_an_order_of_others_is_reported_once_whoever_looks(desk: Desk, monitor: Monitor) -> None:
    desk.exchange.somebody_elses("by-hand", side=TradeSide.BUY, qty=D(1), status=OrderStatus.OPEN)
    for _ in range(2):
        replace(monitor).judge_reconciliation(desk.reconciler.reconcile_account())
    assert desk.audit_kinds().count("foreign_orders") == 1


def trade(desk: Desk, request_id: str, side: str, price: str) -> None:
    """Buys or sells, filled at a price of the test's choosing."""
    desk.approve(request_id, side=side, signal_data={"position_size": "1000"})
    desk.send_due()
    fills = desk.exchange.fills
    fills[-1] = replace(fills[-1], price=D(price))
    desk.stream()


def losses_in_a_row(desk: Desk) -> int:
    with desk.db.reading() as session:
        key = TradeKey(ACCOUNT, "test", "BTCUSDT", "buy", D(1000))
        return snapshot_query.read(session, key, desk.clock.now()).consecutive_losses


def test_losing_trades_in_a_row_are_counted_and_a_winner_ends_the_row(desk: Desk) -> None:
    desk.limits.change(max_repeated_orders=100)
    results = [("64000", 1), ("63500", 2), ("66000", 0), ("60000", 1)]
    for number, (price, expected) in enumerate(results):
        desk.pass_time(1)
        trade(desk, f"buy-{number}", "buy", "65000")
        desk.pass_time(1)
        trade(desk, f"sell-{number}", "sell", price)
        assert losses_in_a_row(desk) == expected
    assert desk.position() == 0


def test_a_round_trip_that_loses_by_its_fees_is_a_loss(desk: Desk) -> None:
    """Each makes 0.15 by its prices and loses 0.92 after fees; an entry alone is no loss."""
    desk.limits.change(max_repeated_orders=100)
    for number in range(2):
        desk.pass_time(1)
        trade(desk, f"buy-{number}", "buy", "65000")
        assert losses_in_a_row(desk) == number
        desk.pass_time(1)
        trade(desk, f"sell-{number}", "sell", "65010")
        assert losses_in_a_row(desk) == number + 1


def test_the_gate_refuses_after_too_many_losses_in_a_row(desk: Desk) -> None:
    desk.limits.change(max_repeated_orders=100, max_consecutive_losses=2)
    for number in range(2):
        desk.pass_time(1)
        trade(desk, f"buy-{number}", "buy", "65000")
        desk.pass_time(1)
        trade(desk, f"sell-{number}", "sell", "64900")
    desk.pass_time(1)
    outcome = desk.approve("r-next")
    assert outcome["verdict"] == "deny"
    assert "consecutive_losses" in outcome["reasons"]

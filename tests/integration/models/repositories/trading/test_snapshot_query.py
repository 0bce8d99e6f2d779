"""What a decision reads in one statement, against the rows as they are, on real Postgres."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, takewhile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from models.audit import AuditDraft, append_entries
from models.database import Database
from models.enums import ScopeKind, TradingState, Verdict
from models.repositories import portfolio
from models.repositories.safety import states
from models.repositories.trading import snapshot_query
from models.repositories.trading.snapshot_query import AccountFacts, TradeKey
from models.tables import (
    BreakerRow,
    ChildOrderRow,
    DecisionRow,
    FillRow,
    ParentOrderRow,
    PositionRow,
    ReservationRow,
    TradeRequestRow,
    TradingStateRow,
)
from tests.support.accounts.exposure import exposure
from tests.support.fakes import T0, FakeExchange, prepare
from tests.support.properties import examples

D = Decimal
TRADE = TradeKey("paper", "test", "BTCUSDT", "buy", D("2000.50"))
_numbers = count(1)


def read(db: Database, trade: TradeKey = TRADE, now: datetime = T0) -> AccountFacts:
    with db.reading() as session:
        return snapshot_query.read(session, trade, now)


def add_trade(
    session: Session,
    trade: TradeKey = TRADE,
    *,
    verdict: Verdict = Verdict.ALLOW,
    decided_at: datetime = T0,
    pnl: int = 0,
    finished_at: datetime | None = None,
) -> str:
    """A request with its decision and parent; returns its id."""
    name = f"r-{next(_numbers)}"
    common: dict[str, Any] = {"request_id": name, "account": trade.account}
    traded: dict[str, Any] = {
        "strategy": trade.strategy,
        "symbol": trade.symbol,
        "side": trade.side,
    }
    session.add(
        TradeRequestRow(
            **common,
            **traded,
            status="pending_execution",
            payload={},
            payload_sha256="",
            created_at=T0,
            received_at=T0,
            updated_at=T0,
        )
    )
    session.flush()
    session.add(
        DecisionRow(
            **common,
            verdict=verdict,
            approved_qty=D(1),
            approved_notional=trade.notional,
            intent={**traded, "notional": format(trade.notional, "f")},
            snapshot={},
            limits={},
            decision={},
            decision_sha256="",
            gate_version="",
            decided_at=decided_at,
        )
    )
    session.add(
        ParentOrderRow(
            **common,
            **traded,
            algorithm="immediate",
            params={},
            approved_qty=D(1),
            filled_qty=D(0),
            released_qty=D(0),
            filled_notional=D(0),
            fees=D(0),
            realised_pnl=D(pnl),
            reference_price=D(1),
            price_limit=D(1),
            reduce_only=False,
            priority="normal",
            permit_epoch=0,
            state="completed",
            start_at=T0,
            deadline_at=T0,
            finished_at=finished_at,
        )
    )
    session.flush()
    return name


def add_child(session: Session, request_id: str, state: str, sent_at: datetime | None) -> None:
    session.add(
        ChildOrderRow(
            request_id=request_id,
            slot=next(_numbers),
            attempt=0,
            order_link_id=f"link-{next(_numbers)}",
            account=TRADE.account,
            symbol=TRADE.symbol,
            side=TRADE.side,
            qty=D(1),
            filled_qty=D(0),
            reduce_only=False,
            planned_at=T0,
            due_at=T0,
            deadline_at=T0,
            state=state,
            sent_at=sent_at,
        )
    )


def test_of_an_unknown_account_nothing_is_known(db: Database) -> None:
    found = read(db, replace(TRADE, account="nobody", symbol="NONE"))
    assert found.instrument is None
    assert found.equity is None
    assert found.equity_at is None
    assert found.equity_day_start is None
    assert found.positions == found.reservations == found.breakers == []
    assert [s.scope_kind for s in found.states] == [ScopeKind.GLOBAL]


def test_money_rules_and_the_day_are_read_as_they_were_stored(db: Database) -> None:
    prepare(db, FakeExchange(None), TRADE.account, T0)  # type: ignore[arg-type]
    with db.transaction() as session:
        for hours, equity in ((-30, 1), (-23, 90_000), (-22.9, 90_001), (-22.8, 1), (-1, 120_000)):
            portfolio.record_equity(
                session,
                TRADE.account,
                T0 + timedelta(hours=hours),
                equity=D(equity),
                wallet_balance=D(equity),
                available=D(equity),
                unrealised_pnl=D(0),
            )
    found = read(db)
    assert (found.equity_at, found.equity, found.available) == (T0, D(100_000), D(90_000))
    assert found.equity_a_day_ago == D(90_000)  # the middle one of three
    assert found.equity_day_start == D(100_000)
    assert found.equity_peak == D(100_000)  # one reading of 120,000 confirms nothing
    assert found.instrument is not None
    assert (found.instrument.tick_size, found.instrument.qty_step) == (D("0.1"), D("0.001"))
    assert found.instrument.refreshed_at == T0


def test_positions_and_reservations_are_those_of_the_separate_query(db: Database) -> None:
    with db.transaction() as session:
        for symbol, qty in (("SOLUSDT", 3), ("BTCUSDT", -2), ("ETHUSDT", 0)):
            session.add(
                PositionRow(
                    account=TRADE.account,
                    symbol=symbol,
                    qty=D(qty),
                    entry_price=D("65000.123"),
                    realised_pnl=D(0),
                    fees=D(0),
                    updated_at=T0,
                )
            )
        held = (("buy", False, 5, "held"), ("buy", False, 7, "held"), ("sell", True, 1, "held"))
        for side, reduce_only, qty, state in (*held, ("buy", False, 0, "held")):
            name = add_trade(session)
            session.add(
                ReservationRow(
                    request_id=name,
                    account=TRADE.account,
                    symbol="BTCUSDT",
                    side=side,
                    reduce_only=reduce_only,
                    reference_price=D("64999.9"),
                    approved_qty=D(9),
                    open_qty=D(qty),
                    state=state,
                    created_at=T0,
                )
            )
        add_trade(session, replace(TRADE, account="other"))
    found = read(db)
    with db.reading() as session:
        assert (found.positions, found.reservations) == exposure(session, TRADE.account)
    assert [(p.symbol, p.qty) for p in found.positions] == [("BTCUSDT", -2), ("SOLUSDT", 3)]
    assert [(r.side, r.qty) for r in found.reservations] == [("buy", 12), ("sell", 1)]


def add_fill(session: Session, exec_id: str, age: timedelta, price: str, **changes: Any) -> None:
    values: dict[str, Any] = {
        "account": TRADE.account,
        "order_id": exec_id,
        "order_link_id": "",
        "symbol": TRADE.symbol,
        "side": "buy",
        "qty": D(1),
        "price": D(price),
        "fee": D(0),
        "fee_currency": "USDT",
        "is_maker": False,
        "exec_type": "Trade",
        "executed_at": T0 - age,
        "recorded_at": T0,
        "source": "stream",
    }
    session.add(FillRow(exec_id=exec_id, **(values | changes)))


def test_the_newest_fill_is_the_accounts_last_trade_in_the_symbol(db: Database) -> None:
    second = timedelta(seconds=1)
    assert read(db).newest_fill is None
    with db.transaction() as session:
        add_fill(session, "e-0", snapshot_query.FILL_WINDOW, "1")
    assert read(db).newest_fill is None
    with db.transaction() as session:
        add_fill(session, "e-1", 30 * second, "65000.5")
        add_fill(session, "e-2", 40 * second, "2")
        add_fill(session, "e-3", 10 * second, "3", symbol="ETHUSDT")
        add_fill(session, "e-4", 10 * second, "4", account="other")
        add_fill(session, "e-5", 10 * second, "5", exec_type="Funding")
        add_fill(session, "e-6", 10 * second, "6", exec_type="BustTrade")
    assert read(db).newest_fill == (D("65000.5"), T0 - 30 * second)


def test_states_and_breakers_are_those_of_the_trades_own_scopes(db: Database) -> None:
    scopes = (
        (ScopeKind.ACCOUNT, "paper"),
        (ScopeKind.STRATEGY, "test"),
        (ScopeKind.SYMBOL, "BTCUSDT"),
        (ScopeKind.ACCOUNT, "other"),
        (ScopeKind.STRATEGY, "BTCUSDT"),
        (ScopeKind.SYMBOL, "ETHUSDT"),
    )
    with db.transaction() as session:
        for epoch, (kind, key) in enumerate(scopes, 1):
            session.add(
                TradingStateRow(
                    scope_kind=kind,
                    scope_key=key,
                    state=TradingState.REDUCING,
                    reason="why",
                    actor="me",
                    epoch=epoch,
                    changed_at=T0,
                )
            )
            said = {"to": "reducing", "epoch": epoch}
            chain, subject = states.chain_of(kind, key), f"{kind}:{key}"
            entry = AuditDraft(chain, states.RECORDED, subject, "me", said, T0)
            append_entries(session, [entry])
            for name, tripped in (("losses", True), ("drift", False)):
                session.add(
                    BreakerRow(
                        scope_kind=kind,
                        scope_key=key,
                        kind=name,
                        tripped=tripped,
                        reason="because",
                        changed_at=T0,
                    )
                )
    found = read(db)
    assert [(s.scope_kind, s.scope_key, s.epoch) for s in found.states] == [
        ("account", "paper", 1),
        ("global", "*", 0),
        ("strategy", "test", 2),
        ("symbol", "BTCUSDT", 3),
    ]
    assert sorted((b.scope_kind, b.scope_key, b.kind, b.reason) for b in found.breakers) == [
        ("account", "paper", "losses", "because"),
        ("strategy", "test", "losses", "because"),
        ("symbol", "BTCUSDT", "losses", "because"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "other"},
        {"strategy": "other"},
        {"symbol": "ETHUSDT"},
        {"side": "sell"},
        {"notional": D("2000.51")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_trade_that_differs_in_anything_is_not_the_same_order(
    db: Database, changes: dict[str, Any]
) -> None:
    with db.transaction() as session:
        add_trade(session)
        add_trade(session, replace(TRADE, **changes))
    assert read(db).same_orders_last_minute == 1


def test_only_what_was_approved_within_the_minute_is_the_same_order(db: Database) -> None:
    with db.transaction() as session:
        add_trade(session, verdict=Verdict.DENY)
        add_trade(session, verdict=Verdict.SHRINK)
        add_trade(session, decided_at=T0 - timedelta(seconds=60))
        add_trade(session, decided_at=T0 - timedelta(seconds=59))
    assert read(db).same_orders_last_minute == 2


def test_orders_of_the_last_second_are_those_that_were_sent_in_it(db: Database) -> None:
    with db.transaction() as session:
        name = add_trade(session)
        add_child(session, name, "sending", T0)
        add_child(session, name, "filled", T0 - timedelta(milliseconds=999))
        add_child(session, name, "filled", T0 - timedelta(seconds=1))
        add_child(session, name, "planned", None)
        add_child(session, name, "planned", T0)
    assert read(db).orders_last_second == 2


@settings(
    max_examples=examples(25),
    # Each example has an account of its own in the one database.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(results=st.lists(st.integers(-2, 2), max_size=8))
def test_a_streak_is_the_losses_since_the_newest_profit(
    db: Database, results: Sequence[int]
) -> None:
    """Oldest first; a trade that realised nothing says nothing."""
    trade = replace(TRADE, account=f"account-{next(_numbers)}")
    with db.transaction() as session:
        add_trade(session, trade, pnl=-1, finished_at=T0 - snapshot_query.LOSS_STREAK_WINDOW)
        for minutes, pnl in enumerate(reversed(results), 1):
            add_trade(session, trade, pnl=pnl, finished_at=T0 - timedelta(minutes=minutes))
    expected = sum(1 for _ in takewhile(lambda pnl: pnl < 0, (p for p in results[::-1] if p)))
    assert read(db, trade).consecutive_losses == expected

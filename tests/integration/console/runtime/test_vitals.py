"""The doctor names each bad state of a system whose processes all run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from bot.decision.forged_market import ForgedMarket
from bot.risk.snapshot import MarketView
from console.runtime.vitals import Patient, Vital, check_vitals
from models.audit import GLOBAL_CHAIN, AuditDraft, append_entries
from models.enums import (
    ChildState,
    OperatorRole,
    ScopeKind,
    StopState,
    TradeSide,
    TradingState,
)
from models.repositories import portfolio
from models.repositories.safety import states
from models.tables import (
    BreakerRow,
    ChildOrderRow,
    DisagreementRow,
    EquityDayRow,
    EquityRow,
    ForeignOrderRow,
    HeartbeatRow,
    InstrumentRow,
    OperatorRow,
    ProtectiveStopRow,
    TradeRequestRow,
    TradingStateRow,
    UnreadableFactRow,
)
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

D = Decimal
SYMBOL = "BTCUSDT"
FEED = {
    "public": "live",
    "private": "live",
    "public_silent_seconds": 0.1,
    "private_silent_seconds": 12.0,
    "refused": {},
}


@dataclass
class Ward:
    """A system in which everything is well, until a test spoils one thing."""

    desk: Desk
    markets: dict[str, MarketView | None] = field(default_factory=dict)
    ineffective: tuple[str, ...] = ()
    unusable: str | None = None
    protects: bool = True

    def check(self) -> list[Vital]:
        with self.desk.db.reading() as session:
            return check_vitals(
                Patient(
                    session,
                    ACCOUNT,
                    (SYMBOL,),
                    self.desk.clock.now(),
                    self.markets,
                    self.ineffective,
                    self.unusable,
                    self.protects,
                )
            )

    def wrong(self) -> dict[str, str]:
        return {vital.name: vital.problem for vital in self.check() if vital.problem is not None}


@pytest.fixture
def ward(desk: Desk) -> Ward:
    desk.approve()
    desk.send_due()
    desk.pass_time(120)
    desk.reconciler.refresh_instruments()
    now = desk.clock.now()
    with desk.db.transaction() as session:
        for name, details in (("feed", FEED), ("reconciliation", {})):
            session.add(HeartbeatRow(name=name, pid=1, at=now, details=details))
        session.execute(update(ChildOrderRow).values(state=ChildState.FILLED, final_at=now))
    return Ward(desk, {SYMBOL: desk.market.get(SYMBOL)})


def feed(**details: Any) -> Callable[[Session, Ward], None]:
    def spoil(session: Session, _: Ward) -> None:
        session.execute(
            update(HeartbeatRow)
            .where(HeartbeatRow.name == "feed")
            .values(details={**FEED, **details})
        )

    return spoil


def child(**values: Any) -> Callable[[Session, Ward], None]:
    def spoil(session: Session, ward: Ward) -> None:
        session.execute(update(ChildOrderRow).values(final_at=None, **values))

    return spoil


def rule(**values: Any) -> Callable[[Session, Ward], None]:
    return lambda session, _: void(session.execute(update(InstrumentRow).values(**values)))


def void(_: object) -> None:
    return None


def add(row: Callable[[Ward], Any]) -> Callable[[Session, Ward], None]:
    return lambda session, ward: void(session.merge(row(ward)))


def drop(kind: Any, name: str | None = None) -> Callable[[Session, Ward], None]:
    def spoil(session: Session, _: Ward) -> None:
        query = delete(kind)
        session.execute(query if name is None else query.where(kind.name == name))

    return spoil


def halt(session: Session, ward: Ward) -> None:
    now = ward.desk.clock.now() - timedelta(seconds=90)
    row: TradingStateRow = states.lock_state(
        session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor="test"
    )
    said = states.move(row, TradingState.HALTED, reason="drill", actor="test", now=now)
    entry = AuditDraft(GLOBAL_CHAIN, states.RECORDED, "global:*", "test", said, now)
    append_entries(session, [entry])


def sealed_but_working(session: Session, ward: Ward) -> None:
    halt(session, ward)
    session.execute(update(TradingStateRow).values(sealed_at=ward.desk.clock.now()))


def stale_market(_: Session, ward: Ward) -> None:
    ward.desk.market.age_seconds = 11.0
    ward.markets[SYMBOL] = ward.desk.market.get(SYMBOL)


def no_market(_: Session, ward: Ward) -> None:
    ward.markets.clear()


def ineffective(_: Session, ward: Ward) -> None:
    ward.ineffective = ("max_spread lets its own breach pass",)


def unusable(_: Session, ward: Ward) -> None:
    ward.unusable = "version 3 of the limits was changed without mlrisk"


def undecided(session: Session, ward: Ward) -> None:
    at = ward.desk.clock.now() - timedelta(seconds=90)
    session.execute(update(TradeRequestRow).values(status="pending_validation", received_at=at))


LONG_AGO = timedelta(hours=5)
BREAKER = add(
    lambda ward: BreakerRow(
        scope_kind=ScopeKind.ACCOUNT,
        scope_key=ACCOUNT,
        kind="daily_loss_limit",
        tripped=True,
        reason="lost 3 %",
        changed_at=ward.desk.clock.now(),
    )
)
DISAGREES = add(
    lambda ward: DisagreementRow(
        account=ACCOUNT,
        symbol=SYMBOL,
        difference=D(1),
        ours=D(1),
        theirs=D(2),
        readings=3,
        since=ward.desk.clock.now(),
        seen_at=ward.desk.clock.now(),
    )
)
UNREADABLE = add(
    lambda ward: UnreadableFactRow(
        account=ACCOUNT,
        kind="execution",
        key="e-1",
        symbol=SYMBOL,
        why="no price",
        row="{}",
        first_seen_at=ward.desk.clock.now(),
    )
)
ORPHAN = add(
    lambda ward: ForeignOrderRow(
        account=ACCOUNT,
        order_id="o-9",
        first_seen_at=ward.desk.clock.now(),
        orphan_link_id="mr-abc",
    )
)
BAD_STATES: dict[str, tuple[Callable[[Session, Ward], None], str, str]] = {
    "no feed": (drop(HeartbeatRow, "feed"), "sign of life of feed", "never gave a sign"),
    "no reconciliation": (
        drop(HeartbeatRow, "reconciliation"),
        "sign of life of reconciliation",
        "never gave a sign",
    ),
    "public stream waits": (
        feed(public="waiting", public_last_fault="no connection in time"),
        "public stream",
        "waiting: no connection in time",
    ),
    "private stream silent": (feed(private_silent_seconds=50.0), "private stream", "silent"),
    "refused symbol": (
        feed(refused={"GONEUSDT": "error:handler not found"}),
        "symbol GONEUSDT",
        "handler not found",
    ),
    "no market": (no_market, "market of BTCUSDT", "no market"),
    "old market": (stale_market, "market of BTCUSDT", "11 s old"),
    "unknown symbol": (drop(InstrumentRow), "rules of BTCUSDT", "does not know it"),
    "delisted": (rule(status="Closed"), "rules of BTCUSDT", "Closed"),
    "old rules": (
        lambda session, ward: rule(refreshed_at=ward.desk.clock.now() - LONG_AGO)(session, ward),
        "rules of BTCUSDT",
        "old",
    ),
    "limits without effect": (ineffective, "limits", "max_spread"),
    "limits that the audit contradicts": (unusable, "limits", "without mlrisk; until then nothing"),
    "equity never read": (drop(EquityRow), "equity", "never read"),
    "forged market": (
        lambda session, ward: ForgedMarket(ward.desk.db, ACCOUNT, ward.desk.clock).report(
            "mlrisk:market:BTCUSDT", "it has no seal"
        ),
        "market's seals",
        "mlrisk:market:BTCUSDT",
    ),
    "somebody guesses": (
        add(
            lambda ward: OperatorRow(
                name="ann",
                role=OperatorRole.VIEWER,
                kdf="",
                salt=b"",
                sealed=b"",
                public_key="",
                failed_attempts=5,
                locked_until=ward.desk.clock.now() + timedelta(minutes=15),
                created_at=ward.desk.clock.now(),
                created_by="test",
            )
        ),
        "logins",
        "ann is locked until",
    ),
    "cash flows away": (
        lambda session, ward: void(
            session.execute(
                update(EquityDayRow).values(flows_read_at=ward.desk.clock.now() - LONG_AGO)
            )
        ),
        "cash flows",
        "not read",
    ),
    "tripped breaker": (BREAKER, "breaker daily_loss_limit", "lost 3 %"),
    "state set by hand": (
        lambda session, _: void(session.execute(update(TradingStateRow).values(epoch=7))),
        "trading state of global *",
        "changed without mlrisk",
    ),
    "unsealed halt": (halt, "halt of global *", "not sealed"),
    "halt that stopped nothing": (sealed_but_working, "halt of global *", "not stopped"),
    "disagreement": (DISAGREES, "positions agree with the exchange", "ours 1"),
    "unreadable fact": (UNREADABLE, "the exchange's facts", "no price"),
    "order without a row": (ORPHAN, "orders in our name", "1 rest"),
    "undecided request": (undecided, "undecided requests", "90 s"),
    "unknown order": (child(state=ChildState.UNKNOWN), "orders in unknown", "1 for longer"),
    "acked for ever": (child(state=ChildState.ACKED), "orders in acked", "1 for longer"),
    "dead sender": (child(state=ChildState.SENDING), "orders in sending", "1 for longer"),
    "unconfirmed cancel": (
        lambda session, ward: child(
            state=ChildState.WORKING,
            cancel_requested_at=ward.desk.clock.now() - timedelta(seconds=90),
        )(session, ward),
        "cancels",
        "1 not confirmed",
    ),
}


def test_of_a_system_that_is_well_nothing_is_said(ward: Ward) -> None:
    assert ward.wrong() == {}
    assert len(ward.check()) > 15


@pytest.mark.parametrize("kind", BAD_STATES)
def test_each_bad_state_is_named(ward: Ward, kind: str) -> None:
    spoil, name, words = BAD_STATES[kind]
    with ward.desk.db.transaction() as session:
        spoil(session, ward)
    assert words in ward.wrong()[name]


def test_limits_that_the_audit_contradicts_are_told_by_their_cause_first(ward: Ward) -> None:
    """Seen: `without effect: version 3 …`, as if each limit had let its own breach pass."""
    ward.unusable = "version 3 of the limits was changed without mlrisk"
    (told,) = (vital.problem for vital in ward.check() if vital.name == "limits")
    assert told is not None
    assert told.startswith("version 3 of the limits was changed without mlrisk")
    assert "without effect" not in told


def test_a_position_without_a_resting_stop_is_named_where_stops_are_wanted(ward: Ward) -> None:
    with ward.desk.db.transaction() as session:
        now = ward.desk.clock.now()
        held = portfolio.lock_position(session, ACCOUNT, SYMBOL, now)
        held.qty, held.opened_at = D("0.03"), now
    line = "positions without a protective stop"
    assert line not in ward.wrong()
    ward.desk.clock.move_to(ward.desk.clock.now() + timedelta(seconds=31))
    assert ward.wrong()[line].startswith("1 without a stop that rests at the exchange: BTCUSDT (")
    ward.protects = False
    assert line not in ward.wrong()
    ward.protects = True
    now = ward.desk.clock.now()
    with ward.desk.db.transaction() as session:
        session.add(
            ProtectiveStopRow(
                account=ACCOUNT,
                order_link_id="mr-stop-1",
                symbol=SYMBOL,
                number=0,
                opened_at=now,
                side=TradeSide.SELL,
                qty=D(1),
                trigger_price=D(60_000),
                state=StopState.RESTING,
                body={},
                asked_at=now,
            )
        )
    assert line not in ward.wrong()

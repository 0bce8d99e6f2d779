"""What is wrong with a system's states, positions, orders and requests is named."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.audit import GLOBAL_CHAIN, AuditDraft, append_entries
from models.enums import ChildState, ScopeKind, StopState, TradeSide, TradingState
from models.repositories import portfolio
from models.repositories.safety import states
from models.tables import (
    BreakerRow,
    ChildOrderRow,
    DisagreementRow,
    ForeignOrderRow,
    ProtectiveStopRow,
    TradeRequestRow,
    TradingStateRow,
    UnreadableFactRow,
)
from tests.integration.console.runtime.vitals.ward import (
    SYMBOL,
    D,
    Spoil,
    Ward,
    add,
    named_after,
    void,
)
from tests.support.desk import ACCOUNT

pytestmark = pytest.mark.services


def child(**values: Any) -> Callable[[Session, Ward], None]:
    def spoil(session: Session, ward: Ward) -> None:
        session.execute(update(ChildOrderRow).values(final_at=None, **values))

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


def undecided(session: Session, ward: Ward) -> None:
    at = ward.desk.clock.now() - timedelta(seconds=90)
    session.execute(update(TradeRequestRow).values(status="pending_validation", received_at=at))


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


BAD_STATES: dict[str, tuple[Spoil, str, str]] = {
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


@pytest.mark.parametrize("kind", BAD_STATES)
def test_each_bad_state_is_named(ward: Ward, kind: str) -> None:
    spoil, name, words = BAD_STATES[kind]
    assert words in named_after(ward, spoil, name)


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

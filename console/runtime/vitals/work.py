"""Questions about a system's work: its breakers and states, its positions, orders and requests."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

from console.runtime.vitals.patient import SHOWN, STUCK, Patient, Vital
from models.enums import ChildState, ExecutionStatus, ScopeKind, StopState, TradingState
from models.open_rows import CHILD_MAY_BE_AT_EXCHANGE, PARENT_IS_OPEN
from models.repositories.safety import bases, states, stops, watching
from models.tables import (
    BreakerRow,
    ChildOrderRow,
    DisagreementRow,
    ForeignOrderRow,
    ParentOrderRow,
    TradeRequestRow,
    TradingStateRow,
    UnreadableFactRow,
)

UNPROTECTED = timedelta(seconds=30)
"""Ten times as long as a stop may take to rest at the exchange."""
_WAITING = (ExecutionStatus.PENDING_VALIDATION,)


def tripped(patient: Patient) -> Iterator[Vital]:
    """Each breaker that is tripped, and the command that resets it."""
    rows = patient.session.scalars(select(BreakerRow).where(BreakerRow.tripped))
    for row in rows:
        yield Vital(
            f"breaker {row.kind}",
            f"tripped on {row.scope_kind} {row.scope_key}: {row.reason} "
            f"(`mlrisk breaker reset {row.kind}{_scope_option(row)}`)",
        )


def _scope_option(row: BreakerRow) -> str:
    """The option that names a breaker of one strategy or symbol."""
    scoped = row.scope_kind in (ScopeKind.STRATEGY, ScopeKind.SYMBOL)
    return f" --scope {row.scope_kind}:{row.scope_key}" if scoped else ""


def contradicted_states(patient: Patient) -> Iterator[Vital]:
    """Each trading state that somebody changed without mlrisk; it counts as halted."""
    for found in states.contradictions(patient.session):
        yield Vital(
            f"trading state of {found.kind} {found.key}",
            f"was changed without mlrisk: {found.why}; it counts as halted (look into it, then "
            "`mlrisk resume`)",
        )


def halts(patient: Patient) -> Iterator[Vital]:
    """Whether each halt is complete: sealed, and without orders that it should have stopped."""
    rows = patient.session.scalars(
        select(TradingStateRow).where(TradingStateRow.state == TradingState.HALTED)
    )
    for row in rows:
        name = f"halt of {row.scope_kind} {row.scope_key}"
        if row.sealed_at is None and patient.now - row.changed_at > STUCK:
            yield Vital(name, f"not sealed for {patient.age(row.changed_at)}: run it again")
            continue
        adding = patient.session.scalar(
            select(func.count())
            .select_from(ParentOrderRow)
            .where(
                PARENT_IS_OPEN,
                ParentOrderRow.stop_reason.is_(None),
                ParentOrderRow.reduce_only.is_(False),
            )
        )
        late = patient.now - row.changed_at > STUCK
        text = f"{adding} orders that add risk were not stopped"
        yield Vital(name, text if adding and late else None)


def reconciliation(patient: Patient) -> Iterator[Vital]:
    """Whether our positions agree with the exchange's."""
    rows = patient.session.scalars(
        select(DisagreementRow).where(DisagreementRow.account == patient.account)
    ).all()
    text = "; ".join(f"{r.symbol}: ours {r.ours:f}, exchange {r.theirs:f}" for r in rows[:SHOWN])
    confirmed = any(row.readings >= bases.CONFIRMATIONS for row in rows)
    yield Vital("positions agree with the exchange", text if confirmed else None)


def protective_stops(patient: Patient) -> Iterator[Vital]:
    """Open positions without a stop that rests at the exchange, where the limits want one."""
    if not patient.protects:
        return
    resting = {
        stop.symbol
        for stop in stops.open_stops(patient.session, patient.account)
        if stop.state is StopState.RESTING
    }
    bare = [
        f"{row.symbol} ({row.qty.normalize():f}, open for {patient.age(row.opened_at)})"
        for row in watching.open_positions(patient.session, patient.account)
        if row.symbol not in resting
        and row.opened_at is not None
        and patient.now - row.opened_at > UNPROTECTED
    ]
    shown = ", ".join(bare[:SHOWN])
    yield Vital(
        "positions without a protective stop",
        f"{len(bare)} without a stop that rests at the exchange: {shown} (`mlrisk position list`)"
        if bare
        else None,
    )


def unreadable(patient: Patient) -> Iterator[Vital]:
    """Whether every answer of the exchange could be read."""
    rows = patient.session.scalars(
        select(UnreadableFactRow).where(UnreadableFactRow.account == patient.account)
    ).all()
    shown = "; ".join(f"{row.kind} {row.key}: {row.why}" for row in rows[:SHOWN])
    yield Vital("the exchange's facts", f"{len(rows)} can't be read: {shown}" if rows else None)


def orphans(patient: Patient) -> Iterator[Vital]:
    """Orders that rest under our ids without a row that explains them."""
    links = patient.session.scalars(
        select(ForeignOrderRow.orphan_link_id)
        .where(
            ForeignOrderRow.account == patient.account,
            ForeignOrderRow.orphan_link_id.is_not(None),
        )
        .order_by(ForeignOrderRow.first_seen_at, ForeignOrderRow.order_id)
    ).all()
    shown = ", ".join(str(link) for link in links[:SHOWN])
    yield Vital(
        "orders in our name",
        (
            f"{len(links)} rest and are unknown to this database: {shown} (`mlrisk halt --cancel` "
            "cancels those that add risk, with `--stop-exits` all of them)"
        )
        if links
        else None,
    )


def requests(patient: Patient) -> Iterator[Vital]:
    """Old requests that nobody decides. Parked ones break an invariant, which reports them."""
    oldest = patient.session.scalar(
        select(func.min(TradeRequestRow.received_at)).where(TradeRequestRow.status.in_(_WAITING))
    )
    stuck = oldest is not None and patient.now - oldest > STUCK
    yield Vital(
        "undecided requests",
        f"the oldest waits for {patient.age(oldest)}" if oldest is not None and stuck else None,
    )


def children(patient: Patient) -> Iterator[Vital]:
    """Sent orders without a known outcome, and cancels that nobody confirms."""
    rows = patient.session.scalars(
        select(ChildOrderRow)
        .where(CHILD_MAY_BE_AT_EXCHANGE, ChildOrderRow.account == patient.account)
        .where(ChildOrderRow.sent_at < patient.now - STUCK)
    ).all()
    for state in (ChildState.SENDING, ChildState.UNKNOWN, ChildState.ACKED):
        stuck = [row for row in rows if row.state == state]
        names = ", ".join(row.order_link_id for row in stuck[:SHOWN])
        yield Vital(
            f"orders in {state.value}",
            f"{len(stuck)} for longer than {STUCK.seconds} s: {names}" if stuck else None,
        )
    limit = patient.now - STUCK
    asked = [r for r in rows if r.cancel_requested_at and r.cancel_requested_at < limit]
    names = ", ".join(row.order_link_id for row in asked[:SHOWN])
    yield Vital("cancels", f"{len(asked)} not confirmed: {names}" if asked else None)

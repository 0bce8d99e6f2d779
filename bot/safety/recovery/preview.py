"""What a recovery would do, told before anybody acts: scope, effect, orders, and who else acted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bot.errors import MlriskError
from bot.exchange.protocol import Exchange
from bot.state.scope import Scope
from models.database import Database
from models.enums import ParentState, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AuditRow, ChildOrderRow, ParentOrderRow, TradingStateRow

ACTS_SHOWN = 50
"""The newest acts since the halt that are shown."""
_PERSONS = ("operator:", "cli:", "web:", "pipeline:", "note:")
"""How audit entries name persons; all other actors are programs."""


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """An order that rests at the exchange, by its order link id or the exchange's own id."""

    symbol: str
    order: str
    is_ours: bool
    reduce_only: bool


@dataclass(frozen=True, slots=True)
class PersonsAct:
    """An audit entry that a person made."""

    at: datetime
    actor: str
    kind: str
    subject: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Resting:
    """The orders at the exchange; None when it could not be asked, and then why."""

    orders: tuple[RestingOrder, ...] | None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person looks at before a recovery."""

    scope: str
    state: TradingState
    reason: str
    since: datetime | None
    """When the scope came into its state."""
    resumes: tuple[str, ...]
    stays: tuple[str, ...]
    """What goes on denying, or stays stopped, once the recovery has begun."""
    resting: Resting
    acts: tuple[PersonsAct, ...]


def preview(db: Database, scope: Scope, denying: Sequence[str], resting: Resting) -> Preview:
    """Reads it all; nothing changes. `denying` is what denies at present."""
    with db.reading() as session:
        row = session.get(TradingStateRow, (scope.kind, scope.key))
        seen = {(one.scope_kind, one.scope_key): one for one in states.all_states(session)}
        known = seen.get((scope.kind, scope.key))
        since = None if row is None else row.changed_at
        return Preview(
            str(scope),
            TradingState.ACTIVE if known is None else known.state,
            "" if known is None else known.reason,
            since,
            _resumes(session, scope),
            _stays(scope, denying),
            resting,
            () if since is None else _acts(session, since),
        )


def resting_orders(db: Database, exchange: Exchange) -> Resting:
    """The orders that rest at the exchange now, and which of them have a row here."""
    try:
        found = exchange.open_orders()
    except MlriskError as error:
        return Resting(None, str(error))
    links = [order.order_link_id for order in found if order.order_link_id]
    with db.reading() as session:
        ours = set(
            session.scalars(
                select(ChildOrderRow.order_link_id).where(ChildOrderRow.order_link_id.in_(links))
            )
        )
    return Resting(
        tuple(
            RestingOrder(
                order.symbol,
                order.order_link_id or order.order_id,
                order.order_link_id in ours,
                order.reduce_only,
            )
            for order in found
        )
    )


def _resumes(session: Session, scope: Scope) -> tuple[str, ...]:
    whose = {
        ScopeKind.GLOBAL: "new entries of every strategy",
        ScopeKind.ACCOUNT: f"new entries on account {scope.key}",
        ScopeKind.STRATEGY: f"new entries of strategy {scope.key}",
        ScopeKind.SYMBOL: f"new entries in {scope.key}",
    }[scope.kind]
    exits = session.scalar(
        select(func.count())
        .select_from(ParentOrderRow)
        .where(
            ParentOrderRow.state.in_((ParentState.WORKING, ParentState.PAUSED)),
            ParentOrderRow.reduce_only,
        )
    )
    lines = [f"{whose}, at 10 % of their size at first"]
    if exits:
        lines.append(f"{exits} exits under way go on, as before")
    return tuple(lines)


def _stays(scope: Scope, denying: Sequence[str]) -> tuple[str, ...]:
    own = f"{scope.kind} {scope.key} is "
    return (
        "approvals from before: their child orders are never sent",
        *(line for line in denying if not line.startswith(own)),
    )


def _acts(session: Session, since: datetime) -> tuple[PersonsAct, ...]:
    found = session.scalars(
        select(AuditRow)
        .where(
            AuditRow.at >= since,
            or_(*(AuditRow.actor.startswith(name, autoescape=True) for name in _PERSONS)),
        )
        .order_by(AuditRow.at.desc(), AuditRow.seq.desc())
        .limit(ACTS_SHOWN)
    )
    return tuple(
        PersonsAct(row.at, row.actor, row.kind, row.subject, row.payload.get("reason"))
        for row in found
    )

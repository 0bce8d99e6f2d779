"""I4: once a halt is sealed, the exchange accepts no risk-adding order from us."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.invariants.evidence import Evidence
from console.output import utc
from console.runtime.exchange_record import AcceptedOrder
from models.enums import ScopeKind
from models.tables import AuditRow, ChildOrderRow, ParentOrderRow, TradingStateRow

_SEALED = "halt_sealed"
_RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class SealedTime:
    """The time in which a scope (`kind:key`) was sealed. `until` is None while it still is."""

    scope: str
    since: datetime
    until: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Whether the scope was sealed at a moment."""
        return self.since < moment and (self.until is None or moment < self.until)


def i4_nothing_after_a_seal(evidence: Evidence) -> list[str]:
    """Compares receive times at the exchange with every sealed time, past ones too."""
    if evidence.record is None:
        return []
    times = [*_sealed_times(evidence.session), *_current(evidence.session)]
    if not times:
        return []
    scopes = _scopes_by_link_id(evidence.session)
    return [
        f"order {order.order_link_id} was accepted at {utc(order.received_at)}, "
        f"{sealed.scope} was sealed at {utc(sealed.since)}"
        for order in evidence.record.orders
        if not order.reduce_only
        for sealed in _violated(order, times, scopes)
    ]


def _violated(
    order: AcceptedOrder, times: list[SealedTime], scopes: dict[str, set[str]]
) -> Iterator[SealedTime]:
    """The first sealed time that the order violates; at most one."""
    # An order without a child is ours too, so the global scope applies to it.
    own = scopes.get(order.order_link_id, set()) | {"global:*", f"symbol:{order.symbol}"}
    for sealed in times:
        if sealed.scope in own and sealed.holds(order.received_at):
            yield sealed
            return


def _sealed_times(session: Session) -> list[SealedTime]:
    """Past and present sealed times, from the audit entries of seals and resumes."""
    rows = session.scalars(
        select(AuditRow)
        .where(AuditRow.kind.in_((_SEALED, _RESUMED)))
        # A scope's entries are all in one chain.
        .order_by(AuditRow.chain, AuditRow.seq)
    )
    open_since: dict[str, datetime] = {}
    found: list[SealedTime] = []
    for row in rows:
        if row.kind == _SEALED:
            sealed_at = datetime.fromisoformat(str(row.payload["sealed_at"]))
            open_since.setdefault(row.subject, sealed_at)
        elif row.subject in open_since:
            found.append(SealedTime(row.subject, open_since.pop(row.subject), row.at))
    found += [SealedTime(scope, since, None) for scope, since in open_since.items()]
    return found


def _current(session: Session) -> Iterator[SealedTime]:
    """Sealed times from the state rows: a seal must hold even if its audit entry is missing."""
    for row in session.scalars(select(TradingStateRow)):
        if row.sealed_at is not None and not row.state.allows_adding:
            yield SealedTime(f"{row.scope_kind}:{row.scope_key}", row.sealed_at, None)


def _scopes_by_link_id(session: Session) -> dict[str, set[str]]:
    rows = session.execute(
        select(ChildOrderRow.order_link_id, ParentOrderRow.account, ParentOrderRow.strategy).join(
            ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id
        )
    )
    return {
        link_id: {f"{ScopeKind.ACCOUNT}:{account}", f"{ScopeKind.STRATEGY}:{strategy}"}
        for link_id, account, strategy in rows
    }

"""The report of a halt whose process ended before it wrote one: written once, from what is stored.

A `kill -9` between the last step and the record leaves a halted scope and no report in the audit.
The emergency worker writes it after a while. An act that ends the halt before that writes it in its
own transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Operator, named
from bot.safety.halting.flattening import FLATTENED, STRATEGY
from bot.safety.halting.report import REPORT
from bot.state.scope import Scope
from models.database import UnitOfWork
from models.enums import EndCause, TradingState
from models.open_rows import PARENT_IS_OPEN
from models.repositories.safety import scoping, states
from models.repositories.trading import orders
from models.tables import AuditRow, ParentOrderRow, TradingStateRow

PATIENCE = timedelta(minutes=3)
"""After this time the process that halted counts as ended. The seal, the cancels and a flattening
take less, each 30 s at most."""
_HALTED = "halted"
"""The kind of the audit entry that halts a scope."""
_STOPPED = (TradingState.HALTED, TradingState.FLATTENING, TradingState.FLAT)
_WHY = "the process that halted ended before it wrote its report; this one is from what is stored"
_NOT_STORED = ("children_cancelled", "orders_cancelled", "orders_gone", "tasks_revoked")


def found(session: Session, now: datetime) -> list[Scope]:
    """The sealed halts that are older than `PATIENCE` and have no report. The report of an unsealed
    one is written by its seal."""
    before = now - PATIENCE
    rows = session.scalars(
        select(TradingStateRow)
        .where(
            TradingStateRow.state.in_(_STOPPED),
            TradingStateRow.sealed_at < before,
            TradingStateRow.changed_at < before,
        )
        .order_by(TradingStateRow.scope_kind, TradingStateRow.scope_key)
    )
    scopes = [Scope.of(row) for row in rows]
    return [scope for scope in scopes if _unreported(session, scope) is not None]


def write_missing(
    uow: UnitOfWork,
    scope: Scope,
    row: TradingStateRow,
    actor: Actor,
    now: datetime,
    last_pass: Mapping[str, Any] | None = None,
) -> bool:
    """Writes the report of the scope's halt if it has none; returns whether it was missing.

    `row` is the scope's, locked by the caller, so that two writers write one report. `last_pass`
    has the facts of the steps that the writer has taken once more. The report carries no signature:
    an operator who ends a halt has not seen its steps.
    """
    if row.state not in _STOPPED or states.contradicted(row) is not None:
        return False
    halted = _unreported(uow.session, scope)
    if halted is None:
        return False
    facts = _stored(uow.session, scope, row, halted)
    if last_pass is not None:
        facts |= {
            "clean_at": last_pass.get("clean_at"),
            "problems": list(last_pass.get("problems", ())),
            "last_pass": dict(last_pass),
        }
    by = f"for {actor}" if isinstance(actor, Operator) else named(actor)
    uow.audit(scope.chain, REPORT, str(scope), by, facts, now)
    return True


def report_since(session: Session, scope: Scope, latched_at: datetime) -> AuditRow | None:
    """The report that this module wrote of the scope's halt of that time, after its patience; None
    without one."""
    rows = session.scalars(
        select(AuditRow)
        .where(
            AuditRow.chain == scope.chain,
            AuditRow.subject == str(scope),
            AuditRow.kind == REPORT,
            AuditRow.at > latched_at,
        )
        .order_by(AuditRow.seq)
    )
    return next((row for row in rows if "written_because" in row.payload), None)


def _unreported(session: Session, scope: Scope) -> AuditRow | None:
    """The entry that halted the scope; None when a report follows it."""
    of_scope = (AuditRow.chain == scope.chain, AuditRow.subject == str(scope))
    halted = session.scalars(
        select(AuditRow)
        .where(*of_scope, AuditRow.kind == _HALTED)
        .order_by(AuditRow.seq.desc())
        .limit(1)
    ).first()
    if halted is None:
        return None
    report = select(AuditRow.seq).where(
        *of_scope, AuditRow.kind == REPORT, AuditRow.seq > halted.seq
    )
    return halted if session.scalars(report.limit(1)).first() is None else None


def _stored(
    session: Session, scope: Scope, row: TradingStateRow, halted: AuditRow
) -> dict[str, Any]:
    only = scoping.parents_of(scope.kind, scope.key)
    ended = session.scalars(
        select(ParentOrderRow.request_id).where(
            only,
            ParentOrderRow.stop_cause == EndCause.HALTED,
            (ParentOrderRow.finished_at.is_(None)) | (ParentOrderRow.finished_at >= halted.at),
        )
    ).all()
    exits = session.scalars(
        select(ParentOrderRow.request_id).where(
            only,
            PARENT_IS_OPEN,
            ParentOrderRow.stop_reason.is_(None),
            ParentOrderRow.reduce_only,
        )
    ).all()
    return {
        "scope": str(scope),
        "state": str(row.state),
        "already_halted": False,
        "latched_at": halted.at.isoformat(),
        "sealed_at": None if row.sealed_at is None else row.sealed_at.isoformat(),
        "parents_stopped": len(ended),
        "exits_under_way": len(exits),
        "unresolved": [child.order_link_id for child in orders.unresolved_children(session)],
        "problems": [],
        "cancelled_at": None,
        "clean_at": None,
        "flat": _flat(session, scope, halted),
        "halted_by": halted.actor,
        "reason": halted.payload.get("reason"),
        "written_because": _WHY,
        "not_stored": list(_NOT_STORED),
    }


def _flat(session: Session, scope: Scope, halted: AuditRow) -> dict[str, Any] | None:
    """The newest end of a flattening since the halt, and all exits that it asked for; None where
    none has ended."""
    end = session.scalars(
        select(AuditRow)
        .where(
            AuditRow.chain == scope.chain,
            AuditRow.subject == str(scope),
            AuditRow.kind == FLATTENED,
            AuditRow.seq > halted.seq,
        )
        .order_by(AuditRow.seq.desc())
        .limit(1)
    ).first()
    if end is None:
        return None
    return {
        "flat_at": end.at.isoformat() if end.payload.get("flat") else None,
        "requests": list(_exits(session, scope, halted.at)),
        "left": list(end.payload.get("left", ())),
        "stops_cancelled": end.payload.get("stops_cancelled", 0),
    }


def _exits(session: Session, scope: Scope, since: datetime) -> Sequence[str]:
    return session.scalars(
        select(ParentOrderRow.request_id)
        .where(
            scoping.parents_of(scope.kind, scope.key),
            ParentOrderRow.strategy == STRATEGY,
            ParentOrderRow.start_at >= since,
        )
        .order_by(ParentOrderRow.request_id)
    ).all()

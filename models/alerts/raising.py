"""Raises and clears alerts within a transaction, from its audit entries or directly.

The rows of alerts are locked after all other rows and before the audit chains, in the order of
their keys, so that two transactions never wait for each other.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import String, and_, case, func, literal, or_, text, update
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.orm import Session

from models.alerts.words import Condition, condition_of, ended_by
from models.audit import AuditDraft
from models.enums import AlertLevel, AlertNews, AlertState
from models.tables.alerts import AlertRow
from models.tables.base import Base

_LEVELS = literal([str(level) for level in AlertLevel], ARRAY(String))
_NOT_CLEARED = text("state <> 'cleared'")
"""As the index says it. With a parameter in its place Postgres would find the index only until the
statement is prepared, which is from its fifth use on."""


@cache
def _raise_statement() -> Insert:
    """The statement, made once: it is part of each decision that approves a trade of high risk, and
    to build it takes longer than to execute it."""
    adding = insert(Base.metadata.tables[AlertRow.__tablename__])
    new = adding.excluded
    louder = func.array_position(_LEVELS, new.level) > func.array_position(_LEVELS, AlertRow.level)
    came_back = and_(
        AlertRow.state == AlertState.ACKNOWLEDGED, or_(AlertRow.lasting.is_(False), louder)
    )
    again = or_(louder, came_back)
    return adding.on_conflict_do_update(
        index_elements=["key"],
        index_where=_NOT_CLEARED,
        set_={
            "level": case((louder, new.level), else_=AlertRow.level),
            "subject": new.subject,
            "text": new.text,
            "last_seen": func.greatest(AlertRow.last_seen, new.last_seen),
            "count": AlertRow.count + 1,
            "state": case((came_back, new.state), else_=AlertRow.state),
            "opened_at": case((came_back, new.opened_at), else_=AlertRow.opened_at),
            "escalations": case((came_back, 0), else_=AlertRow.escalations),
            "reduced_at": case((came_back, None), else_=AlertRow.reduced_at),
            "round": case((again, AlertRow.round + 1), else_=AlertRow.round),
            "news": case((again, new.news), else_=AlertRow.news),
        },
    )


def follow(session: Session, drafts: Sequence[AuditDraft]) -> None:
    """Raises and clears the alerts that follow from a transaction's audit entries."""
    changes: list[tuple[str, Condition | None, AuditDraft]] = []
    for draft in drafts:
        said = (draft.chain, draft.kind, draft.subject, draft.payload)
        ended, found = ended_by(*said), condition_of(*said)
        if ended is not None:
            changes.append((ended, None, draft))
        if found is not None:
            changes.append((found.key, found, draft))
    for key, condition, draft in sorted(changes, key=lambda change: change[0]):
        if condition is None:
            clear(session, key, why=draft.kind.replace("_", " "), now=draft.at)
        else:
            raise_alert(session, condition, chain=draft.chain, now=draft.at)


def raise_alert(session: Session, condition: Condition, *, chain: str, now: datetime) -> None:
    """Raises an alert of the condition, or counts it in the one that is not cleared.

    An acknowledged event that happens again waits for an operator again. An alert that becomes
    louder is told again.
    """
    session.execute(
        _raise_statement(),
        {
            "key": condition.key,
            "level": condition.level,
            "kind": condition.kind,
            "chain": chain,
            "subject": condition.subject,
            "text": condition.text,
            "lasting": condition.lasting,
            "first_seen": now,
            "last_seen": now,
            "opened_at": now,
            "count": 1,
            "state": AlertState.OPEN,
            "round": 1,
            "news": AlertNews.RAISED,
        },
    )


def inform(session: Session, key: str, kind: str, text: str, *, chain: str, now: datetime) -> None:
    """Stores an alert of the level info, which waits for nobody and is told once."""
    row = AlertRow(
        key=key,
        level=AlertLevel.INFO,
        kind=kind,
        chain=chain,
        subject=f"account:{chain}",
        text=text,
        lasting=False,
        first_seen=now,
        last_seen=now,
        opened_at=now,
        count=1,
        state=AlertState.CLEARED,
        cleared_at=now,
        clear_reason="it is information",
        round=1,
        news=AlertNews.RAISED,
    )
    session.add(row)
    session.flush()


def clear(session: Session, key: str, *, why: str, now: datetime) -> bool:
    """Clears the alert of a condition that is over; False when there is none. People who were told
    of it are told of its end."""
    found = session.execute(
        update(AlertRow)
        .where(AlertRow.key == key, _NOT_CLEARED)
        .values(
            state=AlertState.CLEARED,
            cleared_at=now,
            clear_reason=why,
            round=AlertRow.round + 1,
            news=AlertNews.CLEARED,
        )
        .execution_options(synchronize_session=False)
        .returning(AlertRow.alert_id)
    )
    return found.first() is not None

"""The drawdown's tiers over time: each change is an audit entry, from which the report counts.

The size is halved in the yellow tier without any trip, so that trips alone don't tell the time in
each tier.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bot.risk.breakers.tiers import DrawdownTier
from models.database import UnitOfWork
from models.tables import AuditRow

CHANGED = "drawdown_tier"
"""The kind of the audit entry of a change."""
UNKNOWN = "unknown"
"""The time before the first change that was recorded."""
DEFINITION = (
    "how long the account's drawdown was in each tier within the period: green allows everything, "
    "yellow half of the size, orange only reducing, and red halts and flattens; unknown is the "
    "time before the first look that was recorded"
)
_NOTED = "noted"
"""The tier in the breaker's memory that the audit has already."""


def note(
    uow: UnitOfWork,
    account: str,
    actor: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Records the tier of a look when it differs from the last recorded one.

    `before` and `after` are the breaker's memories around the look; returns what it is to remember.
    A reset takes the memory away, and then the audit itself tells the last tier.
    """
    noted = (before or {}).get(_NOTED) or _last(uow.session, account)
    if noted != after["tier"]:
        facts = {"from": noted, "to": after["tier"], "smoothed": after.get("smoothed")}
        uow.audit(account, CHANGED, _subject(account), actor, facts, now)
    return {**after, _NOTED: after["tier"]}


def seconds_in_tiers(
    session: Session, account: str, since: datetime, until: datetime
) -> dict[str, float]:
    """The time in each tier within the period; `UNKNOWN` is the time before the first entry."""
    changes = session.execute(_entries(account).where(AuditRow.at < until).order_by(AuditRow.seq))
    found = {UNKNOWN: 0.0, **{tier.value: 0.0 for tier in DrawdownTier}}
    tier, begun = UNKNOWN, since
    for at, payload in changes:
        found[tier] += _within(begun, at, since, until)
        tier, begun = DrawdownTier(payload["to"]).value, at
    found[tier] += _within(begun, until, since, until)
    return found


def _within(begun: datetime, ended: datetime, since: datetime, until: datetime) -> float:
    return max(0.0, (min(ended, until) - max(begun, since)).total_seconds())


def _last(session: Session, account: str) -> str | None:
    newest = session.execute(_entries(account).order_by(AuditRow.seq.desc()).limit(1)).first()
    return None if newest is None else str(newest.payload["to"])


def _entries(account: str) -> Select[tuple[datetime, dict[str, Any]]]:
    # The subject is its own, so that these few entries are found among all of the account.
    return select(AuditRow.at, AuditRow.payload).where(
        AuditRow.chain == account, AuditRow.kind == CHANGED, AuditRow.subject == _subject(account)
    )


def _subject(account: str) -> str:
    return f"drawdown:{account}"

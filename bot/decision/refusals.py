"""The record of messages that are refused before a decision; bounded, however many come.

The first message of each sender, reason and minute is kept as it came. After the minute another
audit entry gives the exact count.
"""

from datetime import datetime

from bot.bounded_text import readable, storable
from bot.clock import Clock
from bot.decision.parsing import claimed_request_id
from bot.errors import BadMessage
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.repositories import refused

SUMMED = "messages_refused"
"""The kind of the audit entry with the count."""
_MAX_SENDER = 64
_NOBODY = "unknown"


def record(uow: UnitOfWork, raw: object, error: BadMessage, now: datetime) -> None:
    """Counts a message, and keeps the first one of its minute."""
    sender, count = refused.count(uow.session, error.code, _claimed_sender(raw), now)
    if count > 1:
        return
    facts = {
        "sender": sender,
        "errors": [{"field": each.field, "message": each.message} for each in error.errors],
        "message": readable(raw),
    }
    uow.audit(GLOBAL_CHAIN, error.code, claimed_request_id(raw), "strategy", facts, now)


def sum_up(db: Database, clock: Clock) -> None:
    """Writes the count of each minute that is over. A single message needs no count."""
    now = clock.now()
    with db.unit_of_work() as uow:
        for row in refused.take_ended(uow.session, now):
            if row.count == 1:
                continue
            facts = {
                "kind": row.kind,
                "minute": row.minute.isoformat(),
                "count": row.count,
                "last_at": row.last_at.isoformat(),
            }
            uow.audit(GLOBAL_CHAIN, SUMMED, row.sender, "strategy", facts, now)
        uow.commit()


def _claimed_sender(raw: object) -> str:
    """The strategy that a refused message names. The name is unproven."""
    if not isinstance(raw, dict):
        return _NOBODY
    metadata = raw.get("metadata")
    said = metadata.get("strategy") if isinstance(metadata, dict) else raw.get("strategy")
    return storable(said, _MAX_SENDER) if isinstance(said, str) and said else _NOBODY

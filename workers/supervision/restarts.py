"""Tells people about a worker that is started anew for its silence, and records it."""

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from bot.risk import alerts
from bot.state import binding
from models.database import Database
from models.tables import AuditRow
from workers.supervision.silence import REPEATED_WITHIN_SECONDS, Silent

log = logging.getLogger(__name__)

WORKER_RESTARTED = "worker_restarted"


def tell(db: Database, one: Silent, actor: str, *, again: bool) -> None:
    """Log the restart as an alert and add it to the audit. A database that is away is an error in
    the log."""
    payload: dict[str, object] = {
        "queues": list(one.queues),
        "seconds": round(one.seconds, 1),
        "again": again,
    }
    level = alerts.of_entry(WORKER_RESTARTED, payload)
    log.log(
        alerts.LOG_LEVELS[level],
        "%s took no messages for %.0f s and is started anew", one.worker, one.seconds,
        extra={"kind": WORKER_RESTARTED, "worker": one.worker, "alert": level.value, **payload},
    )  # fmt: skip
    try:
        _record(db, one.worker, actor, payload)
    except DBAPIError as error:
        log.error(
            "the restart of %s is not recorded: %s",
            one.worker,
            error.orig,
            extra={"event": "a_restart_is_not_recorded", "worker": one.worker},
        )


def was_lately(db: Database, worker: str) -> bool:
    """Whether the audit has a restart of this worker of the last minutes. Raises DBAPIError."""
    since = datetime.now(UTC) - timedelta(seconds=REPEATED_WITHIN_SECONDS)
    with db.reading() as session:
        found = select(AuditRow.seq).where(
            AuditRow.at > since, AuditRow.kind == WORKER_RESTARTED, AuditRow.subject == worker
        )
        return session.scalars(found).first() is not None


def _record(db: Database, worker: str, actor: str, payload: dict[str, object]) -> None:
    with db.unit_of_work() as uow:
        bound = binding.bound_to(uow.session)
        if bound is not None:  # before the first start has an account there is no chain
            uow.audit(bound.account, WORKER_RESTARTED, worker, actor, payload, datetime.now(UTC))
        uow.commit()

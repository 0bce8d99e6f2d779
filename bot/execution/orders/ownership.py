"""Rows of another account: they are refused, recorded and alerted wherever keys would act on them.

A process has the keys of one account. Every statement that selects work filters by it; this is for
rows that a message names by their id alone.
"""

import logging
from datetime import datetime

from sqlalchemy import select

from models.database import Database
from models.tables import AuditRow

log = logging.getLogger(__name__)

REFUSED = "foreign_account_refused"


def refuse(
    db: Database, *, ours: str, theirs: str, subject: str, act: str, actor: str, now: datetime
) -> None:
    """Records once per subject and act that `ours` was asked to act on a row of `theirs`."""
    log.critical(
        "refused to %s %s: it is of account %s, and this process has the keys of %s; every "
        "account needs a database and a Redis of its own",
        act,
        subject,
        theirs,
        ours,
        extra={"account": theirs, "process_account": ours},
    )
    with db.unit_of_work() as uow:
        known = uow.session.scalar(
            select(AuditRow.seq)
            .where(
                AuditRow.subject == subject,
                AuditRow.kind == REFUSED,
                AuditRow.chain == ours,
                AuditRow.payload["act"].astext == act,
            )
            .limit(1)
        )
        if known is None:
            uow.audit(ours, REFUSED, subject, actor, {"act": act, "account": theirs}, now)
        uow.commit()

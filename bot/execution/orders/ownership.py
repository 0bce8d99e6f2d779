"""Rows of another account: they are refused, recorded and alerted wherever keys would act on them.

A process has the keys of one account. Every statement that selects work filters by it; this is for
rows that a message names by their id alone.
"""

import logging

from sqlalchemy import select

from bot.clock import Clock
from models.database import Database
from models.tables import AuditRow

log = logging.getLogger(__name__)

REFUSED = "foreign_account_refused"


class Ownership:
    """Refuses rows of other accounts than this process's; `actor` is named in the record."""

    def __init__(self, db: Database, account: str, clock: Clock, *, actor: str) -> None:
        self._db = db
        self._account = account
        self._clock = clock
        self._actor = actor

    def refuses(self, theirs: str, subject: str, act: str) -> bool:
        """Whether a row is of the account `theirs` and not of ours. A refusal is recorded and
        alerted."""
        if theirs == self._account:
            return False
        self._refuse(theirs, subject, act)
        return True

    def _refuse(self, theirs: str, subject: str, act: str) -> None:
        """Records once per subject and act."""
        log.critical(
            "this process refused to %s %s: it belongs to account %s, and the process has the "
            "keys of %s; each account needs a database and a Redis of its own",
            act,
            subject,
            theirs,
            self._account,
            extra={
                "event": "refused_to_it_is_of_account_and_this_process_has_the_keys_of_"
                "every_account_needs",
                "account": theirs,
                "process_account": self._account,
            },
        )
        with self._db.unit_of_work() as uow:
            known = uow.session.scalar(
                select(AuditRow.seq)
                .where(
                    AuditRow.subject == subject,
                    AuditRow.kind == REFUSED,
                    AuditRow.chain == self._account,
                    AuditRow.payload["act"].astext == act,
                )
                .limit(1)
            )
            if known is None:
                details = {"act": act, "account": theirs}
                now = self._clock.now()
                uow.audit(self._account, REFUSED, subject, self._actor, details, now)
            uow.commit()

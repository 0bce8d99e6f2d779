"""Market data in Redis that our feed did not write: it is recorded, alerted and never used."""

import logging
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import Clock
from models.database import Database
from models.tables import AuditRow

log = logging.getLogger(__name__)

FORGED = "market_forged"
AGAIN = timedelta(minutes=1)
"""The least time between two entries about one key, so that an attacker can't fill the record."""


class ForgedMarket:
    """Records forgeries that readers find. Call it outside of transactions."""

    def __init__(self, db: Database, account: str, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._clock = clock

    def report(self, key: str, why: str) -> None:
        """Writes one audit entry a minute and key, over all processes. While Postgres is away it
        raises nothing, and the reader goes on without a market."""
        now = self._clock.now()
        try:
            with self._db.unit_of_work() as uow:
                recently = uow.session.scalar(
                    select(AuditRow.seq)
                    .where(
                        AuditRow.subject == key,
                        AuditRow.kind == FORGED,
                        AuditRow.chain == self._account,
                        AuditRow.at > now - AGAIN,
                    )
                    .limit(1)
                )
                if recently is not None:
                    return
                uow.audit(self._account, FORGED, key, "market cache", {"why": why}, now)
                uow.commit()
        except SQLAlchemyError as error:
            log.critical(
                "%s; the finding can't be recorded: %s",
                why,
                error,
                extra={"event": "it_cant_be_recorded"},
            )
            return
        log.critical(
            "%s: our feed did not write this market data, so it counts as unknown",
            why,
            extra={"event": "it_was_not_written_by_our_feed_and_counts_as_unknown"},
        )

"""What an invariant is checked against: our rows, the exchange's own record, and the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.runtime.exchange_record import ExchangeRecord
from models.tables import DecisionRow

_BATCH = 500

SETTLING = timedelta(seconds=15)
"""How long a fact of the exchange may take to become a row: stream, then reconciliation."""
STUCK_AFTER = timedelta(seconds=60)
"""Longer than a lease (30 s), a lost wake-up (3 s) and the restart of any process together."""


@dataclass(frozen=True)
class Evidence:
    """One consistent look. `record` was read after the rows: every fill in a row is in it.

    `record` is None where the exchange keeps no record for us (testnet, live): then what can only
    be told by the exchange isn't checked. `now` is the moment of the look.
    """

    session: Session
    record: ExchangeRecord | None
    now: datetime
    newest_decisions: int | None = None
    """How many decisions are replayed, the newest first; None: all. One takes some 3 ms."""

    def decisions(self) -> Iterator[DecisionRow]:
        """The decisions to replay."""
        query = select(DecisionRow).order_by(DecisionRow.decided_at.desc())
        if self.newest_decisions is not None:
            query = query.limit(self.newest_decisions)
        yield from self.session.scalars(query.execution_options(yield_per=_BATCH))

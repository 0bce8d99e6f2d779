"""The evidence for the invariants: our rows, the exchange's own record, and the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.runtime.exchange_record import ExchangeRecord
from models.tables import DecisionRow

_BATCH = 500

SETTLING = timedelta(seconds=15)
"""The longest time in which a fact of the exchange becomes a row, by stream or by
reconciliation."""
STUCK_AFTER = timedelta(seconds=60)
"""Longer than a lease (30 s), a lost wake-up (3 s) and the restart of any process together."""


@dataclass(frozen=True)
class Evidence:
    """One consistent look. `record` is read after the rows, so it holds every fill in a row.

    `record` is None where the exchange keeps no record for us (testnet, live). Checks that need it
    are then left out. `now` is the moment of the look.
    """

    session: Session
    record: ExchangeRecord | None
    now: datetime
    newest_decisions: int | None = None
    """The number of decisions to replay, newest first. One takes about 3 ms. Default: all."""

    def decisions(self) -> Iterator[DecisionRow]:
        """The decisions to replay."""
        query = select(DecisionRow).order_by(DecisionRow.decided_at.desc())
        if self.newest_decisions is not None:
            query = query.limit(self.newest_decisions)
        yield from self.session.scalars(query.execution_options(yield_per=_BATCH))

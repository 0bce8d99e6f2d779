"""What an invariant is checked against: our rows, the exchange's own record, and the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from console.exchange_record import ExchangeRecord

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

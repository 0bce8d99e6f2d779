"""A lease to trade for tests that run no safety process."""

from datetime import timedelta

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.database import Database
from models.tables import TradingLeaseRow

LENGTH = timedelta(days=1)
"""Longer than any test."""


def grant_lease(session: Session, account: str) -> None:
    """Gives the account a lease that stands for the whole test, by Postgres' clock."""
    now = func.clock_timestamp()
    values = {
        "holder": "a test",
        "epoch": 1,
        "granted_at": now,
        "renewed_at": now,
        "expires_at": now + LENGTH,
        "withheld": "",
        "looked_at": now,
        "readings": [],
    }
    session.execute(
        insert(TradingLeaseRow)
        .values(account=account, **values)
        .on_conflict_do_update(index_elements=["account"], set_=values)
    )


def age_lease(db: Database, seconds: float) -> None:
    """As if the last renewal of every lease had been so much earlier, or later if negative."""
    moved = timedelta(seconds=seconds)
    with db.transaction() as session:
        session.execute(
            update(TradingLeaseRow).values(
                renewed_at=TradingLeaseRow.renewed_at - moved,
                expires_at=TradingLeaseRow.expires_at - moved,
            )
        )


def end_lease(db: Database) -> None:
    """No lease stands any more: nobody has renewed it."""
    age_lease(db, 2 * LENGTH.total_seconds())

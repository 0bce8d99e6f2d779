"""Reads the sensors behind the lease to trade: from Postgres, the market cache and the audit.

It asks no exchange, because an answer may hang. What other processes have asked is in rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.exchange.protocol import CLOCK_OFFSET
from bot.execution.ports import MarketCache
from bot.safety.audit.unsequenced import Unsequenced
from bot.safety.lease.sensors import AUDIT_UNWRITABLE, FUTURE_SECONDS, Reading, oldest
from bot.state import fitness
from config.celery import CANARY
from models.archived import Archived
from models.audit import (
    GENESIS,
    AuditDraft,
    Link,
    append_entries,
    links,
    problems_of,
    problems_of_end,
)
from models.database import Database
from models.repositories.safety import bases
from models.tables import AuditCheckpointRow, AuditRow, HeartbeatRow, InstrumentRow
from models.tables.safety import SYSTEM_HEARTBEAT

LIVE = "live"
"""The state of a stream that is connected (`bot.exchange.streams.StreamState`)."""
BREAKERS = "breakers"
"""The sign of life of the evaluation of breakers."""
BEAT = SYSTEM_HEARTBEAT
"""The sign of life of the tasks that beat starts."""
PIECE = 5_000
"""The number of audit entries that one look verifies at most."""
_TRADED = "Trading"
_CLOCK = text("SELECT clock_timestamp()")


def database_time(session: Session) -> datetime:
    """The time of Postgres' clock now."""
    found: datetime = session.execute(_CLOCK).scalar_one()
    return found


@dataclass
class AuditVerifier:
    """Verifies new entries of one account's chain, look by look, and proves that it takes more."""

    db: Database
    account: str
    _verified: Link | None = None

    def read(self, now: datetime) -> Reading:
        """Zero seconds when the whole chain is verified, else the age of the next entry."""
        try:
            self._append_and_take_back(now)
        except OperationalError:
            raise
        except DBAPIError as error:
            return Reading(fault=f"{AUDIT_UNWRITABLE}: {type(error.orig).__name__}")
        with self.db.reading() as session:
            start = self._verified or self._checkpoint(session)
            entries = list(links(session, self.account, after=start.seq, limit=PIECE))
            end, problems = problems_of(self.account, start, entries, Archived(session))
            problems += problems_of_end(session, self.account)
            if problems:
                return Reading(fault="; ".join(problems[:3]))
            self._verified = end
            if len(entries) < PIECE:
                return Reading(0.0)
            at = session.scalar(
                select(AuditRow.at).where(
                    AuditRow.chain == self.account, AuditRow.seq == end.seq + 1
                )
            )
        return Reading(0.0 if at is None else max(0.0, (now - at).total_seconds()))

    def _checkpoint(self, session: Session) -> Link:
        row = session.get(AuditCheckpointRow, self.account)
        return Link(0, GENESIS) if row is None else Link(row.seq, row.hash)

    def _append_and_take_back(self, now: datetime) -> None:
        """A real entry in a transaction that is rolled back."""
        draft = AuditDraft(self.account, "audit_probe", self.account, "safety", {}, now)
        with self.db.unit_of_work() as uow:
            append_entries(uow.session, [draft])


@dataclass
class Sensing:
    """Reads every sensor of one account."""

    db: Database
    account: str
    market: MarketCache
    symbols: Sequence[str]
    clock: Clock
    pending_halt: Callable[[], str | None]
    """Why the halt journal stops entries; None without a journal."""
    log_fault: Callable[[], str | None] = lambda: None
    """What is wrong with the audit log, or between it and its witness."""
    _audit: AuditVerifier = field(init=False)
    _unsequenced: Unsequenced = field(default_factory=Unsequenced)

    def __post_init__(self) -> None:
        self._audit = AuditVerifier(self.db, self.account)

    def read(self) -> tuple[datetime, Mapping[str, Reading]]:
        """Postgres' time before the reading, and the readings by sensor.

        Raises SQLAlchemy's DBAPIError when Postgres can't be asked. Everything was known before
        the time that is returned, so that a renewal counts from there.
        """
        with self.db.reading() as session:
            before = self.clock.now()
            at = database_time(session)
            after = self.clock.now()
            beats = {
                row.name: row
                for row in session.scalars(select(HeartbeatRow))
                if not row.name.startswith(CANARY)
            }
            ages = {name: (at - row.at).total_seconds() for name, row in beats.items()}
            equity = bases.newest_reading_at(session, self.account)
            known = fitness.stored(session, self.account)
            traded = self._traded(session, beats.get("feed"))
            waits = self._unsequenced.seconds(session, at)
        clock = _clock(before, at, after, known)
        readings = {
            "market": self._market(at, traded),
            "account_stream": _account_stream(beats.get("feed"), ages.get("feed")),
            "equity": Reading(None if equity is None else (at - equity).total_seconds()),
            "reconciliation": Reading(ages.get("reconciliation")),
            "breakers": Reading(ages.get(BREAKERS)),
            "beat": Reading(ages.get(BEAT)),
            "audit": self._audit.read(at),
            "audit_log": Reading(waits, self.log_fault()),
            "clock": clock,
            "halt_journal": Reading(0.0, self.pending_halt()),
        }
        return at, readings

    def _traded(self, session: Session, feed: HeartbeatRow | None) -> list[str]:
        """The symbols that may be traded: neither refused by the exchange nor closed there. For
        all others the gate has a refusal of its own."""
        refused = {} if feed is None else feed.details.get("refused") or {}
        closed = set(
            session.scalars(select(InstrumentRow.symbol).where(InstrumentRow.status != _TRADED))
        )
        return [s for s in self.symbols if s not in refused and s not in closed]

    def _market(self, at: datetime, traded: Sequence[str]) -> Reading:
        views = {symbol: self.market.get(symbol) for symbol in traded}
        missing = [symbol for symbol, view in views.items() if view is None]
        if missing:
            return Reading(fault=f"missing: {', '.join(missing)}")
        ages = [(at - view.as_of).total_seconds() for view in views.values() if view is not None]
        ahead = min(ages, default=0.0)
        return Reading(ahead if ahead < -FUTURE_SECONDS else oldest(ages))


def _account_stream(feed: HeartbeatRow | None, age: float | None) -> Reading:
    if feed is None:
        return Reading()
    state = feed.details.get("private")
    if state != LIVE:
        return Reading(age, f"the account stream is {state or 'unknown'}")
    return Reading(age)


def _clock(
    before: datetime, theirs: datetime, after: datetime, known: fitness.Fitness | None
) -> Reading:
    """The least difference of the clocks: Postgres has answered between the two readings."""
    if known is None:
        return Reading(fault="the exchange was never asked for its time")
    if not known.ok and known.reasons.startswith(f"{CLOCK_OFFSET}:"):
        return Reading(fault=known.reasons)
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    return Reading(apart)

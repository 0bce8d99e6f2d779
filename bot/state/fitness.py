"""Whether the account may trade at all: key, rights, account type, position mode, clock, disk.

The exchange is asked before a process is ready, and regularly after that; its answer is a row.
While the answer is no, too old, or missing, the gate denies entries, and approved entries wait
(`bot.execution.sending.deferral`). Exits go on.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.errors import ClockRefused, Refused, RetryLater
from bot.exchange.protocol import CLOCK_OFFSET, Exchange
from bot.state import disk_room
from models.database import Database
from models.tables import AccountFitnessRow

log = logging.getLogger(__name__)

MAX_AGE = timedelta(hours=2)
"""The age from which an answer counts for nothing. The exchange is asked every ten minutes."""
FRESH = timedelta(minutes=5)
"""A starting process accepts an answer as young as this."""
KIND = "account_unfit"
"""The name under which the gate denies."""
_MS = timedelta(milliseconds=1)
CLOCK_TOLERANCE_MS = 500
"""The offset up to which our clock is not to blame for a late request."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """The exchange's last answer."""

    ok: bool
    asked_at: datetime
    reasons: str = ""


def problem(known: Fitness | None, now: datetime) -> str | None:
    """Why entries may not go out; None when the account is known to be fit."""
    if known is None:
        return "mlrisk has not asked the exchange yet whether the account may trade"
    if not known.ok:
        return known.reasons
    age = now - known.asked_at
    if age > MAX_AGE:
        return (
            f"mlrisk asked the exchange {age.total_seconds():.0f} s ago for the last time "
            "whether the account may trade"
        )
    return None


def of_facts(found: tuple[bool, str, datetime] | None) -> Fitness | None:
    """The answer out of a statement that read it with other rows; None when there is none."""
    if found is None:
        return None
    ok, reasons, asked_at = found
    return Fitness(ok, asked_at, reasons)


def stored(session: Session, account: str) -> Fitness | None:
    """The account's newest known fitness; None before the exchange was ever asked."""
    row = session.get(AccountFitnessRow, account, populate_existing=True)
    return None if row is None else Fitness(row.ok, row.asked_at, row.reasons)


def ask(
    db: Database,
    exchange: Exchange,
    account: str,
    symbols: Sequence[str],
    clock: Clock,
    *,
    home: Path | None = None,
) -> Fitness:
    """Asks the exchange and stores its answer. Raises RetryLater when it can't be asked.

    A positive answer counts as a no while the disk of `home` has no room.
    """
    asked_at = clock.now()
    try:
        exchange.is_ready(symbols)
    except RetryLater:
        raise
    except Refused as error:
        return record(db, account, Fitness(False, asked_at, f"{error.code}: {error.message}"))
    short = None if home is None else disk_room.shortage(home)
    return record(db, account, Fitness(short is None, asked_at, short or ""))


def ask_if_old(
    db: Database,
    exchange: Exchange,
    account: str,
    symbols: Sequence[str],
    clock: Clock,
    *,
    home: Path | None = None,
) -> Fitness:
    """As `ask`, unless another process has just asked."""
    with db.reading() as session:
        known = stored(session, account)
    if known is not None and clock.now() - known.asked_at < FRESH:
        return known
    return ask(db, exchange, account, symbols, clock, home=home)


def compare_clocks(db: Database, exchange: Exchange, account: str, clock: Clock) -> bool:
    """Asks the exchange for its time; tells whether the clocks may agree. Stops entries if not.

    The exchange reads its clock between our two readings, so that an answer on its way proves no
    difference. Raises RetryLater when the exchange can't be asked.
    """
    before = clock.now()
    theirs = exchange.server_time()
    ahead, behind = theirs - clock.now(), before - theirs
    apart, side = (behind, "ahead of") if behind > ahead else (ahead, "behind")
    allowed = timedelta(milliseconds=exchange.max_clock_offset_ms)
    if apart <= allowed:
        return True
    told = (
        f"{CLOCK_OFFSET}: our clock is at least {apart / _MS:.0f} ms {side} the exchange's "
        f"(allowed {allowed / _MS:.0f})"
    )
    record(db, account, Fitness(False, clock.now(), told))
    return False


def after_clock_refusal(db: Database, account: str, error: ClockRefused, clock: Clock) -> None:
    """Stops entries when our clock is proven to be wrong.

    Every order would be refused for the same reason until its deadline.
    """
    if abs(error.behind_ms) < CLOCK_TOLERANCE_MS:
        return
    side = "behind" if error.behind_ms > 0 else "ahead of"
    told = (
        f"{CLOCK_OFFSET}: our clock is {abs(error.behind_ms) / 1000:.1f} s {side} the exchange's, "
        f"which refuses our requests ({error.code})"
    )
    record(db, account, Fitness(False, clock.now(), told))


def after_shortage(db: Database, account: str, short: str, clock: Clock) -> None:
    """Stops entries while there is still room for halts and exits."""
    with db.reading() as session:
        known = stored(session, account)
    if known is None or known.ok:
        record(db, account, Fitness(False, clock.now(), short))


def room_was_short(db: Database, account: str) -> bool:
    """Whether the newest answer is about the disk, which may have room again."""
    with db.reading() as session:
        known = stored(session, account)
    return known is not None and not known.ok and known.reasons.startswith(f"{disk_room.CODE}:")


def clock_was_wrong(db: Database, account: str) -> bool:
    """Whether the newest answer is about the clock, which may have been corrected since."""
    with db.reading() as session:
        return _is_about_the_clock(stored(session, account))


def _is_about_the_clock(known: Fitness | None) -> bool:
    return known is not None and not known.ok and known.reasons.startswith(f"{CLOCK_OFFSET}:")


def record(db: Database, account: str, found: Fitness) -> Fitness:
    """Stores an answer. A new answer is an audit entry, and a no is alerted."""
    with db.unit_of_work() as uow:
        known = stored(uow.session, account)
        if known is not None and _is_about_the_clock(known) and _is_about_the_clock(found):
            # Each measurement differs by a little; only the first one is alerted.
            found = Fitness(False, found.asked_at, known.reasons)
        is_news = known is None or (known.ok, known.reasons) != (found.ok, found.reasons)
        values = {"asked_at": found.asked_at, "ok": found.ok, "reasons": found.reasons}
        if is_news:
            values["changed_at"] = found.asked_at
        uow.session.execute(
            insert(AccountFitnessRow)
            .values(account=account, changed_at=found.asked_at, **_without(values))
            .on_conflict_do_update(index_elements=["account"], set_=values)
        )
        if is_news:
            uow.audit(
                account,
                "account_fit" if found.ok else KIND,
                account,
                "mlrisk",
                {"reasons": found.reasons},
                found.asked_at,
            )
        uow.commit()
    if not found.ok:
        log.critical("the account must not trade: %s", found.reasons, extra={"account": account})
    return found


def _without(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != "changed_at"}

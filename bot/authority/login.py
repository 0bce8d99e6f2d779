"""A login: passphrase and one-time code, with few attempts.

An attempt is counted and committed before it is looked at. A thousand processes at once have
therefore no more attempts than one. After five failures in a row the login is locked, and each
further failure doubles the time.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.authority import codes, vault
from bot.authority.actors import Operator, subject_of
from bot.clock import Clock
from bot.errors import NotAuthorised
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.repositories import operators
from models.tables import OperatorRow

ATTEMPTS = 5
"""Failures in a row before the first lock."""
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
_NOBODY = "?"
"""Replaces an unknown name in records, because a passphrase may have been typed there."""
_REFUSAL = (
    "login refused: name, passphrase or code is wrong, or that code was used already (each is "
    "accepted once; the next one comes within 30 s)"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The typed credentials; no representation shows them."""

    name: str
    passphrase: str = field(repr=False)
    code: str = field(repr=False)


class Login:
    """Turns credentials into an operator. `note` is the caller's note about himself."""

    def __init__(self, db: Database, clock: Clock, *, note: str) -> None:
        self._db = db
        self._clock = clock
        self._note = note

    def __call__(self, given: Credentials) -> Operator:
        """Raises NotAuthorised, with one sentence for everything that may be wrong."""
        row = self._count(given.name.strip().casefold())
        name = _NOBODY if row is None else row.name
        box = None if row is None else vault.Box(row.kdf, row.salt, row.sealed)
        opened = vault.unlock(name, given.passphrase, box)
        if row is None or opened is None:
            raise self._refused(name, "unknown operator" if row is None else "passphrase")
        step = codes.matching_step(opened.totp, given.code, self._clock.now())
        return self._accept(row, opened, step)

    def _count(self, name: str) -> OperatorRow | None:
        """Counts an attempt. None when there is no such operator; the same work is done
        nevertheless."""
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = operators.named(uow.session, name, lock=True)
            if row is None:
                return None
            if row.locked_until is not None and now < row.locked_until:
                until = row.locked_until
                self._note_refusal(uow, name, "locked", now)
                uow.commit()
                raise NotAuthorised(
                    f"{name} is locked until {until:%Y-%m-%d %H:%M:%S} UTC after "
                    f"{row.failed_attempts} failed logins; a risk officer may reset {name}",
                    code="locked",
                )
            row.failed_attempts += 1
            row.locked_until = locked_until(row.failed_attempts, now)
            uow.commit()
        return row

    def _accept(self, row: OperatorRow, opened: vault.Secrets, step: int | None) -> Operator:
        """Accepts a code under the row's lock, so that it is accepted once."""
        with self._db.unit_of_work() as uow:
            now = operators.named(uow.session, row.name, lock=True)
            if now is None:
                raise LookupError(f"the row of operator {row.name!r} is gone")
            cause = _cause(now, opened, step)
            if cause is None:
                now.totp_step, now.failed_attempts, now.locked_until = step, 0, None
                role = now.role
                uow.commit()
                return Operator(now.operator_id, now.name, role, self._note, opened.key)
        raise self._refused(row.name, cause)

    def _refused(self, name: str, cause: str) -> NotAuthorised:
        """Records the refusal with its cause. The caller does not learn the cause."""
        with self._db.unit_of_work() as uow:
            self._note_refusal(uow, name, cause, self._clock.now())
            uow.commit()
        return NotAuthorised(_REFUSAL, code="login_refused")

    def _note_refusal(self, uow: UnitOfWork, name: str, cause: str, now: datetime) -> None:
        row = None if name == _NOBODY else operators.named(uow.session, name)
        details = {
            "cause": cause,
            "failed_attempts": None if row is None else row.failed_attempts,
            "locked_until": (
                None
                if row is None or row.locked_until is None
                else row.locked_until.isoformat(timespec="seconds")
            ),
        }
        uow.audit(GLOBAL_CHAIN, "login_refused", subject_of(name), self._note, details, now)


def _cause(row: OperatorRow, opened: vault.Secrets, step: int | None) -> str | None:
    """Why a login with the right passphrase is refused; None when it is not."""
    if row.disabled_at is not None:
        return "disabled"
    if row.public_key != opened.public_key:
        return "reset meanwhile"
    if step is None:
        return "code"
    if row.totp_step is not None and step <= row.totp_step:
        return "used code"
    return None


def locked_until(failed: int, now: datetime) -> datetime | None:
    """The end of the lock after so many failures in a row; None while they are few."""
    if failed < ATTEMPTS:
        return None
    # Bounded before the power is computed, because the count may grow for years.
    doublings = min(failed - ATTEMPTS, 10)
    lock: timedelta = FIRST_LOCK * (1 << doublings)
    return now + min(lock, LONGEST_LOCK)

"""Single-use override codes: drawn at random, shown once, bound to an owner, an act and a scope.

A code is `ID-SECRET`. The id is public and finds the row; argon2id proves the secret. An attempt is
counted and committed before it is looked at, so that a thousand processes at once have no more
attempts than one. An unknown code costs the same one derivation as a known one.
"""

import hmac
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority import vault
from bot.authority.actors import Operator, Power, record, require, subject_of
from bot.authority.login import locked_until
from bot.clock import Clock
from bot.errors import NotAuthorised, Refused
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.enums import OverrideAction
from models.repositories import operators
from models.tables import AuditRow, OperatorRow, OverrideCodeRow

log = logging.getLogger(__name__)

CREATED, USED, REVOKED, REFUSED = "code_created", "code_used", "code_revoked", "code_refused"
LIFETIME = timedelta(days=30)
"""How long a code is good, unless its owner says otherwise."""
LONGEST_LIFETIME = timedelta(days=365)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter looks like a digit."""
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None})
_ID_LENGTH = 6
_GROUPS, _GROUP_LENGTH = 4, 5
_SALT_BYTES = 16
_UNKNOWN = "?"
"""Replaces an unknown code in records, because a part of a secret may have been typed there."""
_NO_SALT, _NO_KEY = bytes(_SALT_BYTES), bytes(32)
_REFUSAL = (
    "override code refused: it is wrong, used, expired or revoked, or it belongs to another "
    "person, act or scope (`mlrisk codes list` shows yours)"
)


@dataclass(frozen=True, slots=True)
class Use:
    """What a code opens: an act on a scope, as audit entries name scopes (`global:*`)."""

    action: OverrideAction
    scope: str


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that was just drawn. Its representation shows nothing of the secret."""

    row: OverrideCodeRow = field(repr=False)
    code: str = field(repr=False)
    """The whole code. It is nowhere else, and is shown once."""


@dataclass(frozen=True, slots=True)
class ProvenCode:
    """A code whose secret was proven. It counts only once `spend` has taken it."""

    code_id: str
    owner: str
    use: Use


class OverrideCodes:
    """The override codes of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def create(
        self, use: Use, by: Operator, *, reason: str, lifetime: timedelta = LIFETIME
    ) -> NewCode:
        """Draws a code that only `by` can use. Raises NotAuthorised without the power to resume,
        and Refused for a lifetime out of bounds."""
        require(by, Power.RESUME, "drawing an override code")
        if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise Refused(f"a code is good for at most {LONGEST_LIFETIME.days} days")
        now = self._clock.now()
        code_id, secret = _drawn(_ID_LENGTH), _drawn(_GROUPS * _GROUP_LENGTH)
        salt = secrets.token_bytes(_SALT_BYTES)
        row = OverrideCodeRow(
            code_id=code_id,
            operator_id=by.operator_id,
            action=use.action,
            scope=use.scope,
            kdf=vault.KDF,
            salt=salt,
            derived=vault.derive(vault.KDF, secret, salt),
            created_at=now,
            expires_at=now + lifetime,
        )
        with self._db.unit_of_work() as uow:
            uow.session.add(row)
            said = {
                "reason": reason,
                "action": use.action.value,
                "scope": use.scope,
                "expires_at": row.expires_at.isoformat(timespec="seconds"),
            }
            record(uow, GLOBAL_CHAIN, CREATED, subject_of_code(code_id), by, said, now)
            uow.commit()
        groups = [secret[n : n + _GROUP_LENGTH] for n in range(0, len(secret), _GROUP_LENGTH)]
        return NewCode(row, "-".join([code_id, *groups]))

    def known(self) -> Sequence[tuple[OverrideCodeRow, str]]:
        """Every code that was ever drawn, newest first, each with its owner's name."""
        found = (
            select(OverrideCodeRow, OperatorRow.name)
            .join(OperatorRow, OperatorRow.operator_id == OverrideCodeRow.operator_id)
            .order_by(OverrideCodeRow.created_at.desc(), OverrideCodeRow.code_id)
        )
        with self._db.reading() as session:
            return [(row, name) for row, name in session.execute(found)]

    def revoke(self, code_id: str, by: Operator, *, reason: str) -> OverrideCodeRow:
        """Ends a code before its use. Its owner may do it, or any risk officer."""
        require(by, Power.RESUME, "revoking an override code")
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = _locked(uow.session, _normal(code_id)[:_ID_LENGTH])
            if row is None:
                raise Refused("there is no code of that id", code="unknown_code")
            if row.used_at is not None or row.revoked_at is not None:
                raise Refused(f"code {row.code_id} is used or revoked already", code="code_over")
            row.revoked_at, row.revoked_by = now, str(by)
            said = {"reason": reason}
            record(uow, GLOBAL_CHAIN, REVOKED, subject_of_code(row.code_id), by, said, now)
            uow.commit()
        return row

    def prove(self, given: str, use: Use, by: Operator) -> ProvenCode:
        """Proves a code that was typed. It is not spent yet.

        Raises NotAuthorised, with one sentence for everything that may be wrong.
        """
        row = self._count(given, by)
        typed = _normal(given)[_ID_LENGTH:]
        kdf, salt, wanted = (
            (vault.KDF, _NO_SALT, _NO_KEY) if row is None else (row.kdf, row.salt, row.derived)
        )
        is_right = hmac.compare_digest(vault.derive(kdf, typed, salt), wanted)
        if row is None or not is_right:
            raise self._refused(by, row, "unknown" if row is None else "wrong")
        with self._db.reading() as session:
            cause = _cause(session, row, use, by, self._clock.now())
        if cause is not None:
            raise self._refused(by, row, cause)
        return ProvenCode(row.code_id, by.name, use)

    def spend(self, uow: UnitOfWork, proven: ProvenCode, by: Operator, now: datetime) -> None:
        """Takes a proven code, in the transaction of the act that it opens.

        Of several who prove one code at once, one takes it. Raises NotAuthorised for the others.
        """
        row = _locked(uow.session, proven.code_id)
        cause = "gone" if row is None else _cause(uow.session, row, proven.use, by, now)
        if row is None or cause is not None:
            uow.session.rollback()
            raise self._refused(by, row, str(cause))
        row.used_at = now
        owner = operators.named(uow.session, by.name, lock=True)
        if owner is not None:
            owner.code_failures, owner.codes_locked_until = 0, None
        said = {"action": proven.use.action.value, "scope": proven.use.scope}
        record(uow, GLOBAL_CHAIN, USED, subject_of_code(row.code_id), by, said, now)

    def _count(self, given: str, by: Operator) -> OverrideCodeRow | None:
        """Counts an attempt; the row that the code names, if there is one."""
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            owner = operators.named(uow.session, by.name, lock=True)
            if owner is None:
                raise LookupError(f"the row of operator {by.name!r} is gone")
            if owner.codes_locked_until is not None and now < owner.codes_locked_until:
                until = owner.codes_locked_until
                self._note_refusal(uow, by, None, "locked", now)
                uow.commit()
                raise NotAuthorised(
                    f"override codes of {by.name} are locked until {until:%Y-%m-%d %H:%M:%S} UTC "
                    f"after {owner.code_failures} refused codes",
                    code="locked",
                )
            owner.code_failures += 1
            owner.codes_locked_until = locked_until(owner.code_failures, now)
            uow.commit()
        with self._db.reading() as session:
            return session.get(OverrideCodeRow, _normal(given)[:_ID_LENGTH])

    def _refused(self, by: Operator, row: OverrideCodeRow | None, cause: str) -> NotAuthorised:
        """Records the refusal with its cause. The caller does not learn the cause."""
        with self._db.unit_of_work() as uow:
            self._note_refusal(uow, by, row, cause, self._clock.now())
            uow.commit()
        return NotAuthorised(_REFUSAL, code="code_refused")

    def _note_refusal(
        self,
        uow: UnitOfWork,
        by: Operator,
        row: OverrideCodeRow | None,
        cause: str,
        now: datetime,
    ) -> None:
        owner = operators.named(uow.session, by.name)
        until = None if owner is None else owner.codes_locked_until
        said = {
            "cause": cause,
            "failed_attempts": None if owner is None else owner.code_failures,
            "locked_until": None if until is None else until.isoformat(timespec="seconds"),
        }
        subject = subject_of_code(_UNKNOWN if row is None else row.code_id)
        record(uow, GLOBAL_CHAIN, REFUSED, subject, by, said, now)
        level = logging.WARNING if until is None else logging.CRITICAL
        log.log(
            level,
            "an override code of %s was refused: %s",
            subject_of(by.name),
            cause,
            extra={"event": REFUSED, "alert": logging.getLevelName(level).lower()},
        )


def subject_of_code(code_id: str) -> str:
    """How audit entries name a code: by its public id."""
    return f"code:{code_id}"


def _cause(
    session: Session, row: OverrideCodeRow, use: Use, by: Operator, now: datetime
) -> str | None:
    """Why a code with the right secret is refused; None when it is not."""
    if row.used_at is not None or _was_used(session, row.code_id):
        return "used"
    if row.revoked_at is not None:
        return "revoked"
    if now >= row.expires_at:
        return "expired"
    if row.operator_id != by.operator_id:
        return "of another person"
    if row.action != use.action:
        return "for another act"
    return None if row.scope == use.scope else "for another scope"


def _was_used(session: Session, code_id: str) -> bool:
    """Whether the audit says so. A row that was set back by hand makes no code good again."""
    found = select(AuditRow.seq).where(
        AuditRow.chain == GLOBAL_CHAIN,
        AuditRow.kind == USED,
        AuditRow.subject == subject_of_code(code_id),
    )
    return session.scalar(found.limit(1)) is not None


def _locked(session: Session, code_id: str) -> OverrideCodeRow | None:
    return session.get(OverrideCodeRow, code_id, with_for_update=True, populate_existing=True)


def _drawn(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _normal(given: str) -> str:
    """A code as it was drawn, however a person spells it."""
    return "".join(given.upper().split()).translate(_LOOKALIKES)

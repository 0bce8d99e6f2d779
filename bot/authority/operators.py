"""The operators: the first enrols freely, every other one by a risk officer's signed act.

An audit entry introduces each public key, so that the chain itself assigns signatures to operators.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.authority import codes, vault
from bot.authority.actors import (
    LOGIN_NEEDED,
    Actor,
    Operator,
    Power,
    named,
    record,
    require,
    subject_of,
)
from bot.clock import Clock
from bot.errors import NotAuthorised, Refused
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.enums import OperatorRole
from models.locks import lock_operators
from models.repositories import operators
from models.tables import OperatorRow

ADDED, RESET, DISABLED = "operator_added", "operator_reset", "operator_disabled"
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """New secrets of one operator: the part that is stored, and the part that is shown once."""

    name: str
    box: vault.Box
    public_key: str
    uri: str = field(repr=False)
    secrets: vault.Secrets = field(repr=False)


def enrol(name: str, passphrase: str) -> Enrolment:
    """Draws the secrets of an operator; nothing is stored yet. Raises Refused."""
    known_as = name.strip().casefold()
    if not _NAME.fullmatch(known_as):
        raise Refused(
            f"{name!r} is no operator's name: 2 to 32 of a-z, 0-9, '.', '_', '-', a letter first",
            code="bad_name",
        )
    fresh = vault.new_secrets()
    return Enrolment(
        known_as,
        vault.lock(known_as, passphrase, fresh),
        fresh.public_key,
        fresh.uri(known_as),
        fresh,
    )


class Operators:
    """The operators of one database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def everybody(self) -> Sequence[OperatorRow]:
        """All operators, those who are no longer active included."""
        with self._db.reading() as session:
            return operators.everybody(session)

    def proves(self, new: Enrolment, code: str) -> bool:
        """Whether the person's authenticator has the secret: its present code."""
        return codes.matching_step(new.secrets.totp, code, self._clock.now()) is not None

    def add(
        self, new: Enrolment, role: OperatorRole, actor: Actor, *, may_found: bool = True
    ) -> OperatorRow:
        """Adds an operator. The first is a risk officer and needs only `may_found`.

        Raises NotAuthorised unless a risk officer acts, and Refused for a name that was ever used.
        """
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            lock_operators(uow.session)
            if operators.count(uow.session) == 0:
                _require_founder(role, may_found)
            else:
                require_manager(actor, f"adding operator {new.name}")
            if operators.named(uow.session, new.name) is not None:
                raise Refused(
                    f"there is or was an operator {new.name}: names are never given twice",
                    code="name_taken",
                )
            row = OperatorRow(
                name=new.name,
                role=role,
                kdf=new.box.kdf,
                salt=new.box.salt,
                sealed=new.box.sealed,
                public_key=new.public_key,
                failed_attempts=0,
                created_at=now,
                created_by=named(actor),
            )
            uow.session.add(row)
            details = {"role": role.value, "key": new.public_key}
            record(uow, GLOBAL_CHAIN, ADDED, subject_of(new.name), actor, details, now)
            uow.commit()
        return row

    def disable(self, name: str, actor: Actor, *, reason: str) -> OperatorRow:
        """Ends an operator's powers for good. The last risk officer can't be ended."""
        require_manager(actor, f"disabling operator {name}")
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            lock_operators(uow.session)
            row = _known(operators.named(uow.session, name.strip().casefold(), lock=True), name)
            is_officer = row.role == OperatorRole.RISK_OFFICER
            if is_officer and operators.risk_officers(uow.session) == 1:
                raise Refused(
                    f"{row.name} is the last risk officer: add another first", code="last_officer"
                )
            row.disabled_at, row.disabled_by = now, named(actor)
            details = {"reason": reason, "key": row.public_key}
            record(uow, GLOBAL_CHAIN, DISABLED, subject_of(row.name), actor, details, now)
            uow.commit()
        return row

    def reset(self, new: Enrolment, actor: Actor, *, reason: str) -> OperatorRow:
        """Replaces an operator's secrets and lifts the lock. A risk officer may do it, or the
        operator himself."""
        is_own = isinstance(actor, Operator) and actor.name == new.name
        if not is_own:
            require_manager(actor, f"resetting operator {new.name}")
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = _known(operators.named(uow.session, new.name, lock=True), new.name)
            row.kdf, row.salt, row.sealed = new.box.kdf, new.box.salt, new.box.sealed
            row.public_key = new.public_key
            row.totp_step, row.failed_attempts, row.locked_until = None, 0, None
            row.code_failures, row.codes_locked_until = 0, None
            details = {"reason": reason, "key": new.public_key}
            record(uow, GLOBAL_CHAIN, RESET, subject_of(row.name), actor, details, now)
            uow.commit()
        return row


def require_manager(actor: Actor, what: str) -> None:
    """Operators are managed with a login in every environment, development included."""
    if not isinstance(actor, Operator):
        raise NotAuthorised(f"{what} takes a risk officer's login", code=LOGIN_NEEDED)
    require(actor, Power.MANAGE_OPERATORS, what)


def _require_founder(role: OperatorRole, may_found: bool) -> None:
    if not may_found:
        raise NotAuthorised(
            "the first operator of a production system is added by the user who owns its home "
            "directory"
        )
    if role is not OperatorRole.RISK_OFFICER:
        raise Refused(
            "the first operator has to be a risk_officer, who can add the others",
            code="first_operator",
        )


def _known(row: OperatorRow | None, name: str) -> OperatorRow:
    if row is None:
        raise Refused(f"there is no operator {name}", code="unknown_operator")
    if row.disabled_at is not None:
        raise Refused(f"operator {row.name} is disabled", code="disabled")
    return row

"""Actors: a name that the caller gives, which is a note, or an operator after a login.

An operator's act is signed with a key that only the passphrase opens. The signature stands in the
act's audit entry and covers all of it, so that it can be verified from the entry alone.
"""

import json
import os
import pwd
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bot.errors import NotAuthorised, Refused
from config.settings import Environment, ExchangeMode, Settings
from models.audit import AuditDraft
from models.database import UnitOfWork
from models.enums import OperatorRole
from models.text import storable, storable_json

LOGIN_NEEDED = "login_needed"
"""The code of a refusal that a login may lift."""
SIGNED = "signed"
"""The part of an audit entry's payload that a signature stands in."""
_PREFIX = "operator:"
_PURPOSE = b"mlrisk act, version 1\n"
_NONCE_BYTES = 16


def stated(reason: str) -> str:
    """The reason of an act without blanks around it. Raises Refused for an empty one."""
    why = reason.strip()
    if not why:
        raise Refused("an act needs its reason", code="empty_reason")
    return why


class Power(StrEnum):
    """The powers that acts need where real money or a production system is at stake."""

    RESUME = "resume"
    RESET_BREAKER = "reset_breaker"
    LOOSEN_LIMITS = "loosen_limits"
    APPROVE_LIMITS = "approve_limits"
    ADOPT_POSITION = "adopt_position"
    FORGET_ORDER = "forget_order"
    RELEASE_WORK = "release_work"
    ACKNOWLEDGE_ALERTS = "acknowledge_alerts"
    MANAGE_OPERATORS = "manage_operators"
    MANAGE_STRATEGIES = "manage_strategies"
    """Set the facts of a strategy, narrow its caps, and demote it."""
    PROMOTE_STRATEGY = "promote_strategy"
    """Raise a strategy's stage, and widen its caps."""
    ARCHIVE_AUDIT = "archive_audit"
    """Move the payloads of old audit entries into archives."""
    RECORD_ASSESSMENT = "record_assessment"
    """Store a self-assessment as the firm's."""


POWERS: Mapping[OperatorRole, frozenset[Power]] = {
    OperatorRole.VIEWER: frozenset(),
    OperatorRole.OPERATOR: frozenset(
        {
            Power.LOOSEN_LIMITS,
            Power.ADOPT_POSITION,
            Power.FORGET_ORDER,
            Power.RELEASE_WORK,
            Power.ACKNOWLEDGE_ALERTS,
            Power.MANAGE_STRATEGIES,
        }
    ),
    OperatorRole.RISK_OFFICER: frozenset(Power),
}


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator after a login. Only `bot.authority.login` makes one."""

    operator_id: int
    name: str
    role: OperatorRole
    note: str
    """The caller's note about himself: the account of the machine, or `--actor`."""
    key: Ed25519PrivateKey = field(repr=False)

    def __str__(self) -> str:
        return f"{_PREFIX}{self.name}"


class Program(StrEnum):
    """Parts of mlrisk that propose limits by themselves. A caller's string is never one."""

    IMPACT_REFIT = "impact-refit"


IMPACT_REFIT = Program.IMPACT_REFIT
Actor = str | Operator
"""An actor. A string is a note and proves nothing."""


def caller(through: str, said: str | None = None) -> str:
    """The caller as it is recorded: the account of the machine, as the kernel tells it.

    The caller's own words are a note beside it and prove nothing.
    """
    account = _account()
    note, calls = (said or "").strip(), f"{through}:{account}"
    return calls if note in ("", account) else f"{calls} (note: {note})"


def _account() -> str:
    """A name where the machine has one; a halt needs none."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OSError):
        return f"uid {uid}"


def named(actor: Actor) -> str:
    """The actor as audit entries record it. A string that claims to be an operator or a program is
    recorded as a note."""
    if isinstance(actor, Operator | Program):
        return str(actor)
    said = actor.strip().casefold()
    return f"note: {actor}" if claims_operator(said) or said in list(Program) else actor


def is_free(settings: Settings) -> bool:
    """Whether acts need no login: no real money is traded, and the environment is development."""
    return (
        settings.environment is Environment.DEVELOPMENT
        and settings.exchange_mode is not ExchangeMode.LIVE
    )


def subject_of(name: str) -> str:
    """How audit entries name an operator."""
    return f"{_PREFIX}{name}"


def claims_operator(actor: str) -> bool:
    """Whether a recorded name is an operator's, so that a signature must stand beside it."""
    return actor.startswith(_PREFIX)


def require(actor: Actor, power: Power, what: str) -> None:
    """Raises NotAuthorised unless a logged-in operator has that power."""
    if power is Power.LOOSEN_LIMITS and isinstance(actor, Program):
        return
    if not isinstance(actor, Operator):
        raise NotAuthorised(
            f"{what} is free in development only, and never on the live exchange; here an "
            "operator has to log in (`mlrisk operator add` makes one)",
            code=LOGIN_NEEDED,
        )
    if power not in POWERS[actor.role]:
        able = ", ".join(role for role in OperatorRole if power in POWERS[role])
        raise NotAuthorised(f"{what} takes a {able}, and {actor.name} is a {actor.role}")


def record(
    uow: UnitOfWork,
    chain: str,
    kind: str,
    subject: str,
    actor: Actor,
    payload: dict[str, Any],
    at: datetime,
) -> None:
    """The audit entry of an act, signed when an operator acts."""
    if isinstance(actor, Operator):
        payload = _signed(AuditDraft(chain, kind, subject, str(actor), payload, at), actor)
    uow.audit(chain, kind, subject, named(actor), payload, at)


def is_signed_by(entry: AuditDraft, public_key: str) -> bool:
    """Whether an audit entry carries this key's signature over all that it says."""
    signed = entry.payload.get(SIGNED)
    if not isinstance(signed, dict) or signed.get("key") != public_key:
        return False
    without = {name: value for name, value in signed.items() if name != "signature"}
    message = _message(entry, {**entry.payload, SIGNED: without})
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(str(signed.get("signature"))), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(draft: AuditDraft, operator: Operator) -> dict[str, Any]:
    """The payload with its signature, which covers the form that will be stored."""
    block = {
        "key": operator.key.public_key().public_bytes_raw().hex(),
        "nonce": secrets.token_hex(_NONCE_BYTES),
        "note": operator.note,
    }
    payload: dict[str, Any] = storable_json({**draft.payload, SIGNED: block})
    signature = operator.key.sign(_message(draft, payload)).hex()
    return {**payload, SIGNED: {**payload[SIGNED], "signature": signature}}


def _message(entry: AuditDraft, payload: Mapping[str, Any]) -> bytes:
    record = [
        entry.chain,
        entry.kind,
        storable(entry.subject),
        storable(entry.actor),
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        payload,
    ]
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _PURPOSE + canonical.encode()

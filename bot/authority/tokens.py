"""Tokens of the REST interface: drawn at random, shown once, bound to a strategy or an operator.

A token is `mlrisk_ID_SECRET`. The id is public and finds the row; the row has a hash of the secret.
A token ends at its time, when it is revoked, or with its operator.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Operator, Power, named, record, require, stated
from bot.clock import Clock
from bot.errors import Refused
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.enums import OperatorRole, TokenKind
from models.messages import is_identifier
from models.repositories import operators
from models.tables import ApiTokenRow

CREATED, REVOKED = "token_created", "token_revoked"
LIFETIME = timedelta(days=90)
"""How long a token is good, unless its maker says otherwise."""
LONGEST_LIFETIME = timedelta(days=365)
_ID_BYTES, _SECRET_BYTES = 6, 32
_FORM = re.compile(rf"mlrisk_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token is bound to: a strategy or an operator."""

    kind: TokenKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just drawn. Its representation shows nothing of the secret."""

    row: ApiTokenRow = field(repr=False)
    token: str = field(repr=False)
    """The whole token. It is nowhere else, and is shown once."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks: a token that was proven good, and what it may do."""

    token_id: str
    holder: Holder
    may_halt: bool

    @property
    def note(self) -> str:
        """The caller as acts record it. No signature stands behind it."""
        return f"api:{self.holder.name} (token {self.token_id})"


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token as a process remembers it: enough to halt while Postgres is away."""

    bearer: Bearer
    secret_sha256: str = field(repr=False)
    expires_at: datetime


def parse(text: str) -> tuple[str, str] | None:
    """The id and the secret of a token; None for text of another form."""
    found = _FORM.fullmatch(text)
    return None if found is None else (found[1], found[2])


def subject_of_token(token_id: str) -> str:
    """How audit entries name a token: by its public id."""
    return f"token:{token_id}"


class Tokens:
    """The tokens of one database."""

    def __init__(
        self, db: Database, clock: Clock, *, is_guarded: Callable[[Session], bool]
    ) -> None:
        """`is_guarded` tells whether acts need a login here (`bot.state.binding`)."""
        self._db = db
        self._clock = clock
        self._is_guarded = is_guarded

    def create(
        self, holder: Holder, actor: Actor, *, reason: str, lifetime: timedelta = LIFETIME
    ) -> NewToken:
        """Draws a token.

        Outside development a strategy's takes the power to manage strategies, and an operator's
        that operator's own login or a risk officer's. Raises NotAuthorised; and Refused for a name
        that is none, an operator who is unknown or disabled, an empty reason, or a lifetime out of
        bounds.
        """
        why = stated(reason)
        if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise Refused(f"a token is good for at most {LONGEST_LIFETIME.days} days")
        now = self._clock.now()
        token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
        with self._db.unit_of_work() as uow:
            self._require_power(uow.session, holder, actor, f"making a token of {holder}")
            self._require_known(uow.session, holder)
            row = ApiTokenRow(
                token_id=token_id,
                kind=holder.kind,
                holder=holder.name,
                secret_sha256=_hash(secret),
                created_at=now,
                created_by=named(actor),
                expires_at=now + lifetime,
            )
            uow.session.add(row)
            said = {
                "reason": why,
                "kind": holder.kind.value,
                "holder": holder.name,
                "expires_at": row.expires_at.isoformat(timespec="seconds"),
            }
            record(uow, GLOBAL_CHAIN, CREATED, subject_of_token(token_id), actor, said, now)
            uow.commit()
        return NewToken(row, f"mlrisk_{token_id}_{secret}")

    def known(self) -> Sequence[ApiTokenRow]:
        """Every token that was ever drawn, newest first."""
        found = select(ApiTokenRow).order_by(ApiTokenRow.created_at.desc(), ApiTokenRow.token_id)
        with self._db.reading() as session:
            return session.scalars(found).all()

    def revoke(self, token_id: str, actor: Actor, *, reason: str) -> ApiTokenRow:
        """Ends a token at once. It takes the same power as making it. Raises Refused for an unknown
        token or one that is over."""
        why = stated(reason)
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = uow.session.get(ApiTokenRow, token_id, with_for_update=True)
            if row is None:
                raise Refused("there is no token of that id", code="unknown_token")
            holder = Holder(row.kind, row.holder)
            self._require_power(uow.session, holder, actor, f"revoking a token of {holder}")
            if row.revoked_at is not None:
                raise Refused(f"token {token_id} is revoked already", code="token_over")
            row.revoked_at, row.revoked_by = now, named(actor)
            subject = subject_of_token(token_id)
            record(uow, GLOBAL_CHAIN, REVOKED, subject, actor, {"reason": why}, now)
            uow.commit()
        return row

    def find(self, token_id: str, secret: str) -> Bearer | None:
        """Who a token speaks for; None for one that is unknown, wrong or over."""
        with self._db.reading() as session:
            row = session.get(ApiTokenRow, token_id)
            wanted = _NO_HASH if row is None else row.secret_sha256
            is_right = hmac.compare_digest(_hash(secret), wanted)
            if row is None or not is_right or not _is_good(row, self._clock.now()):
                return None
            return self._bearer(session, row)

    def good_for_halts(self) -> Mapping[str, KnownToken]:
        """The tokens that may halt now, by their ids: for a moment at which Postgres is away."""
        now = self._clock.now()
        found = select(ApiTokenRow).where(
            ApiTokenRow.kind == TokenKind.OPERATOR,
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.expires_at > now,
        )
        with self._db.reading() as session:
            bearers = [(row, self._bearer(session, row)) for row in session.scalars(found).all()]
        return {
            row.token_id: KnownToken(bearer, row.secret_sha256, row.expires_at)
            for row, bearer in bearers
            if bearer is not None and bearer.may_halt
        }

    def _bearer(self, session: Session, row: ApiTokenRow) -> Bearer | None:
        """What the token may do; None when its operator is no longer active."""
        holder = Holder(row.kind, row.holder)
        if holder.kind is TokenKind.STRATEGY:
            return Bearer(row.token_id, holder, may_halt=False)
        operator = operators.named(session, holder.name)
        if operator is None:
            # In development a token needs no operator, as acts need no login there.
            may = not self._is_guarded(session)
            return Bearer(row.token_id, holder, may_halt=True) if may else None
        if operator.disabled_at is not None:
            return None
        return Bearer(row.token_id, holder, may_halt=operator.role is not OperatorRole.VIEWER)

    def _require_power(self, session: Session, holder: Holder, actor: Actor, what: str) -> None:
        if not self._is_guarded(session):
            return
        if holder.kind is TokenKind.STRATEGY:
            require(actor, Power.MANAGE_STRATEGIES, what)
        elif not (isinstance(actor, Operator) and actor.name == holder.name):
            require(actor, Power.MANAGE_OPERATORS, what)

    def _require_known(self, session: Session, holder: Holder) -> None:
        """Raises Refused for a strategy that no message can name, and for no active operator."""
        if holder.kind is TokenKind.STRATEGY:
            if not is_identifier(holder.name):
                raise Refused(
                    f"no message can name this strategy: {holder.name!r}", code="bad_name"
                )
            return
        operator = operators.named(session, holder.name)
        if operator is None and not self._is_guarded(session) and is_identifier(holder.name):
            return
        if operator is None or operator.disabled_at is not None:
            raise Refused(f"there is no active operator {holder.name!r}", code="unknown_operator")


def remembered(
    known: Mapping[str, KnownToken], token_id: str, secret: str, now: datetime
) -> Bearer | None:
    """Who a token spoke for when the tokens were last read; None for one that was not good then or
    has ended since."""
    found = known.get(token_id)
    wanted = _NO_HASH if found is None else found.secret_sha256
    is_right = hmac.compare_digest(_hash(secret), wanted)
    if found is None or not is_right or now >= found.expires_at:
        return None
    return found.bearer


def is_over(row: ApiTokenRow, now: datetime) -> str | None:
    """`revoked` or `expired`; None for a token that is neither."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if now >= row.expires_at else None


def _is_good(row: ApiTokenRow, now: datetime) -> bool:
    return is_over(row, now) is None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

"""The authorised way back from a halt: asked for, confirmed where a second person has to, begun.

A recovery leaves HALTED, FLAT or REDUCING for RECOVERING, at a tenth of the size
(`bot.safety.recovery.ladder` takes its steps). Outside development it takes a risk officer's login
and an override code of the scope; in production another risk officer confirms it with a code of
his own.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Operator, Power, is_signed_by, named, record, require
from bot.authority.override_codes import OverrideCodes, ProvenCode
from bot.clock import Clock
from bot.errors import NotAuthorised, Refused
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.halting import global_state, unfinished
from bot.state import trading_state
from bot.state.breakers import tripped_of
from bot.state.scope import Scope
from models.audit import AuditDraft
from models.database import Database, UnitOfWork
from models.enums import RecoveryPhase, ScopeKind, TradingState
from models.repositories import operators
from models.repositories.safety import bases, states
from models.repositories.safety.states import contradicted
from models.tables import AuditRow, RecoveryRow, TradingStateRow

log = logging.getLogger(__name__)

LADDER = (Decimal("0.1"), Decimal("0.25"), Decimal("0.5"), Decimal(1))
"""The shares of size that a recovery allows, step by step."""
CONFIRM_WITHIN = timedelta(minutes=15)
"""Two persons who look at the same facts need no longer."""
ASKED, CONFIRMED = "recovery_asked", "recovery_confirmed"
OPEN = (RecoveryPhase.PENDING, RecoveryPhase.CLIMBING)
CODE_NEEDED = "code_needed"
"""The code of a refusal that an override code may lift."""
CHANGED = "changed_since"
"""The code of a refusal because somebody moved the state since the person looked at it."""
NOTHING_TO_RECOVER = "not_recoverable"
"""The code of a refusal because the scope isn't halted."""
RECOVERABLE = (TradingState.HALTED, TradingState.FLAT, TradingState.REDUCING)
"""The states that a recovery leaves."""


@dataclass(frozen=True, slots=True)
class Authority:
    """What an act on a recovery takes here, and what its actor has proven."""

    actor: Actor
    is_free: bool = False
    """Whether the environment asks for neither login nor code."""
    code: ProvenCode | None = None


class Recovering:
    """The recoveries of one account's database."""

    def __init__(self, db: Database, account: str, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._clock = clock
        self._codes = OverrideCodes(db, clock)

    def open(self) -> list[RecoveryRow]:
        """The recoveries that wait for the second person or climb."""
        with self._db.reading() as session:
            found = select(RecoveryRow).where(RecoveryRow.phase.in_(OPEN))
            return list(session.scalars(found.order_by(RecoveryRow.recovery_id)))

    def ask(
        self,
        scope: Scope,
        *,
        reason: str,
        authority: Authority,
        needs_second: bool,
        seen_epoch: int | None = None,
    ) -> RecoveryRow:
        """Asks for a scope's recovery, and begins it unless a second person has to confirm.

        `seen_epoch` is the epoch of the state that the person has looked at; None asks nothing.
        Raises NotAuthorised without login or code where they are needed, and Refused when there is
        nothing to recover.
        """
        self._require(authority, f"recovering {scope}")
        now, actor = self._clock.now(), authority.actor
        with self._db.unit_of_work() as uow:
            self._spend(uow, authority, now)
            state = _locked(uow, scope, actor, now)
            if seen_epoch is not None and state.epoch != seen_epoch:
                raise Refused(
                    f"the state of {scope} changed since you looked: look again", code=CHANGED
                )
            self._require_recoverable(uow.session, scope, state.state)
            _end_pending(uow, scope, "another recovery was asked for", actor, now)
            row = _new_row(scope, state, reason, actor, now)
            uow.session.add(row)
            uow.session.flush()
            said = {
                "reason": reason,
                "recovery": row.recovery_id,
                "from": state.state,
                "at_epoch": state.epoch,
            }
            record(uow, scope.chain, ASKED, str(scope), actor, said, now)
            if not needs_second:
                self._begin(uow, scope, state, row, actor, now)
            uow.commit()
        return row

    def begin_after_reset(
        self,
        uow: UnitOfWork,
        scope: Scope,
        *,
        reason: str,
        actor: Actor,
        now: datetime,
    ) -> bool:
        """Begins the recovery of a scope whose breakers a person has reset, within the caller's
        transaction; returns whether it began.

        The caller has proven that `actor` has the power. A scope that is halted, or recovers
        already, stays as it is.
        """
        state = _locked(uow, scope, actor, now)
        before = state.state
        if before not in (TradingState.ACTIVE, TradingState.REDUCING):
            return False
        if contradicted(state) is not None:
            return False
        _end_pending(uow, scope, "a breaker was reset", actor, now)
        row = _new_row(scope, state, reason, actor, now)
        # A tripped breaker has the effect of REDUCING, also where no state says so.
        row.from_state = TradingState.REDUCING
        uow.session.add(row)
        uow.session.flush()
        self._begin(uow, scope, state, row, actor, now)
        return True

    def confirm(self, recovery_id: int, *, reason: str, authority: Authority) -> RecoveryRow:
        """Confirms, as the second person, what another operator asked for, and begins it.

        Raises NotAuthorised for the same person or a bad code, and Refused for a recovery that
        waits no longer.
        """
        self._require(authority, f"confirming recovery {recovery_id}")
        now, actor = self._clock.now(), authority.actor
        scope = self.scope_of(recovery_id)
        with self._db.unit_of_work() as uow:
            self._spend(uow, authority, now)
            state = _locked(uow, scope, actor, now)
            row = uow.session.get_one(
                RecoveryRow, recovery_id, with_for_update=True, populate_existing=True
            )
            self._require_confirmable(uow.session, row, state, actor, now)
            self._require_recoverable(uow.session, scope, state.state)
            row.confirmed_by = named(actor)
            said = {"reason": reason, "recovery": recovery_id, "asked_by": row.asked_by}
            record(uow, scope.chain, CONFIRMED, str(scope), actor, said, now)
            self._begin(uow, scope, state, row, actor, now)
            uow.commit()
        return row

    def scope_of(self, recovery_id: int) -> Scope:
        """The scope of a recovery. Raises Refused for an unknown one."""
        with self._db.reading() as session:
            row = session.get(RecoveryRow, recovery_id)
        if row is None:
            raise Refused(f"there is no recovery {recovery_id}", code="unknown_recovery")
        return Scope.of(row)

    def _begin(
        self,
        uow: UnitOfWork,
        scope: Scope,
        state: TradingStateRow,
        row: RecoveryRow,
        actor: Actor,
        now: datetime,
    ) -> None:
        if scope.kind is ScopeKind.GLOBAL:
            global_state.restore_others(uow, reason=row.reason, actor=actor, now=now)
        unfinished.write_missing(uow, scope, state, actor, now)
        said = trading_state.move(
            state,
            TradingState.RECOVERING,
            reason=row.reason,
            actor=named(actor),
            now=now,
            authorised=True,
        )
        row.phase, row.epoch = RecoveryPhase.CLIMBING, state.epoch
        row.begun_at = row.step_since = row.changed_at = now
        day = bases.newest_day(uow.session, self._account)
        row.equity = None if day is None else day.confirmed_equity
        payload = {
            "reason": row.reason,
            "recovery": row.recovery_id,
            "from": row.from_state,
            "share": format(row.share, "f"),
            **said,
        }
        record(uow, scope.chain, "resumed", str(scope), actor, payload, now)
        log.warning(
            "%s recovers at %s %% of its size",
            scope,
            f"{row.share * 100:f}",
            extra={"event": "recovery_begun", "alert": AlertLevel.WARNING.value},
        )

    def _require(self, authority: Authority, what: str) -> None:
        if authority.is_free:
            return
        require(authority.actor, Power.RESUME, what)
        if authority.code is None:
            raise NotAuthorised(
                f"{what} takes an override code (`mlrisk codes create`)", code=CODE_NEEDED
            )

    def _spend(self, uow: UnitOfWork, authority: Authority, now: datetime) -> None:
        if authority.code is not None and isinstance(authority.actor, Operator):
            self._codes.spend(uow, authority.code, authority.actor, now)

    def _require_recoverable(self, session: Session, scope: Scope, state: TradingState) -> None:
        if state not in RECOVERABLE:
            raise Refused(
                f"{scope} is {state.upper()}: there is nothing to recover; a recovery leaves "
                "HALTED, FLAT and REDUCING",
                code=NOTHING_TO_RECOVER,
            )
        if scope.kind is ScopeKind.ACCOUNT and (tripped := tripped_of(session, scope.key)):
            kinds = ", ".join(row.kind for row in tripped)
            raise Refused(
                f"{scope} has tripped breakers ({kinds}): `mlrisk breaker reset` comes first",
                code="breakers_tripped",
            )

    def _require_confirmable(
        self,
        session: Session,
        row: RecoveryRow,
        state: TradingStateRow,
        actor: Actor,
        now: datetime,
    ) -> None:
        if row.phase is not RecoveryPhase.PENDING or now >= row.expires_at:
            raise Refused(f"recovery {row.recovery_id} waits no longer", code="recovery_over")
        if state.epoch != row.epoch or contradicted(state) is not None:
            raise Refused(
                f"{row.scope_kind}:{row.scope_key} was moved since the recovery was asked for",
                code="recovery_over",
            )
        if named(actor) == row.asked_by:
            raise NotAuthorised("a second person has to confirm it", code="same_person")
        if not _was_asked(session, row):
            raise NotAuthorised(
                f"no operator's signed act asks for recovery {row.recovery_id}", code="not_asked"
            )


def _new_row(
    scope: Scope, state: TradingStateRow, reason: str, actor: Actor, now: datetime
) -> RecoveryRow:
    return RecoveryRow(
        scope_kind=scope.kind,
        scope_key=scope.key,
        phase=RecoveryPhase.PENDING,
        from_state=state.state,
        epoch=state.epoch,
        step=0,
        share=LADDER[0],
        reason=reason,
        asked_by=named(actor),
        asked_at=now,
        expires_at=now + CONFIRM_WITHIN,
        changed_at=now,
    )


def _was_asked(session: Session, row: RecoveryRow) -> bool:
    """Whether the audit has the signed act of whom the row names; a row alone proves nothing."""
    scope = Scope.of(row)
    found = session.scalars(
        select(AuditRow).where(
            AuditRow.chain == scope.chain,
            AuditRow.kind == ASKED,
            AuditRow.subject == str(scope),
            AuditRow.actor == row.asked_by,
            AuditRow.payload["recovery"].as_integer() == row.recovery_id,
        )
    ).first()
    owner = operators.named(session, row.asked_by.removeprefix("operator:"))
    if found is None or owner is None or owner.disabled_at is not None:
        return False
    entry = AuditDraft(found.chain, found.kind, found.subject, found.actor, found.payload, found.at)
    return is_signed_by(entry, owner.public_key)


def _locked(uow: UnitOfWork, scope: Scope, actor: Actor, now: datetime) -> TradingStateRow:
    return states.lock_state(uow.session, scope.kind, scope.key, now=now, actor=named(actor))


def _end_pending(uow: UnitOfWork, scope: Scope, note: str, actor: Actor, now: datetime) -> None:
    """Ends what is open of the scope, whose row the caller has locked."""
    found = select(RecoveryRow).where(
        RecoveryRow.scope_kind == scope.kind,
        RecoveryRow.scope_key == scope.key,
        RecoveryRow.phase.in_(OPEN),
    )
    for row in uow.session.scalars(found.with_for_update()):
        row.phase, row.note, row.changed_at = RecoveryPhase.ENDED, note, now
        said = {"recovery": row.recovery_id, "why": note}
        record(uow, scope.chain, "recovery_ended", str(scope), actor, said, now)
    uow.session.flush()

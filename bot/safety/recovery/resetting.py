"""Recovery of an account: its tripped breakers, the state that they set, and the reset.

A tripped breaker is a row. It holds over restarts until a person resets it with a reason; no timer
does. The reset needs an operator's login where real money is traded or the environment is not
development.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Power, named, record, require
from bot.clock import Clock
from bot.errors import Refused
from bot.execution.ports import UNREADABLE, LimitsSource
from bot.market.reading import MarketReading
from bot.risk.checks.breach import NOW, Case
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import healthy
from bot.risk.snapshot import PortfolioView
from bot.safety.recovery.recovering import Recovering
from bot.state import snapshots, trading_state
from bot.state.breakers import BreakerScope, end_trip, tripped_of
from bot.state.scope import Scope
from models.database import Database, UnitOfWork
from models.enums import CheckStatus, CircuitBreakerType, ScopeKind, TradingState
from models.repositories.safety import bases, states
from models.tables import BreakerRow, TradingStateRow

log = logging.getLogger(__name__)

DRAWDOWN = "drawdown"
"""The drawdown limit is no breaker, but it holds until the peak is reached again, so it can be
reset like one."""
LOSSES = (CircuitBreakerType.DAILY_LOSS_LIMIT, DRAWDOWN)
"""The breakers whose reset takes the present equity as the new base of the day and of 24 hours; the
drawdown's reset also takes it as the new peak."""
OF_THE_ACCOUNT = frozenset(
    {
        "trading_state",
        "breakers",
        "recovery",
        "portfolio_age",
        "daily_loss",
        "rolling_loss",
        "drawdown",
        "consecutive_losses",
    }
)
"""The gate's checks of the account alone, which deny every trade."""
_SOUND = (CheckStatus.PASS, CheckStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class BreakerReset:
    """The effect of a reset. `still` names, in words, the reasons that go on denying; empty without
    any."""

    kind: str
    was_tripped: bool
    state_before: TradingState
    state: TradingState
    still: tuple[str, ...]


class Recovery:
    """One account's breakers, for operators."""

    def __init__(self, db: Database, account: str, limits: LimitsSource, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._limits = limits
        self._clock = clock
        self._recovering = Recovering(db, account, clock)

    def known(self) -> list[BreakerRow]:
        """Every breaker that has been looked at or has tripped; tripped ones come first."""
        with self._db.reading() as session:
            return list(
                session.scalars(
                    select(BreakerRow).order_by(
                        BreakerRow.tripped.desc(), BreakerRow.scope_kind, BreakerRow.kind
                    )
                )
            )

    def reset(
        self,
        kind: str,
        *,
        reason: str,
        actor: Actor,
        authorised: bool,
        scope: BreakerScope | None = None,
    ) -> BreakerReset:
        """Resets a tripped breaker; the account trades again when it was the last one.

        `scope` is None for a breaker of the account. After the reset of a loss breaker the present
        equity is the new base. `authorised` says that the environment asks for no login. Unless it
        does and the limits say so, the scope recovers by the ladder
        (`bot.safety.recovery.recovering`) instead of trading at full size at once. A timed lock has
        no ladder, and its reset gives back only what the lock took. Raises NotAuthorised when the
        actor lacks the power, and Refused for a breaker that never tripped.
        """
        if not authorised:
            require(actor, Power.RESET_BREAKER, f"resetting {kind}")
        now = self._clock.now()
        scope = scope or BreakerScope(ScopeKind.ACCOUNT, self._account)
        whole = scope.kind is ScopeKind.ACCOUNT
        with self._db.unit_of_work() as uow:
            state = states.lock_state(
                uow.session, ScopeKind.ACCOUNT, self._account, now=now, actor=named(actor)
            )
            before = state.state
            row = uow.session.get(
                BreakerRow,
                (scope.kind, scope.key, kind),
                with_for_update=True,
                populate_existing=True,
            )
            if (row is None or not row.count) and not (whole and kind == DRAWDOWN):
                raise Refused(self._unknown(uow.session, kind), code="unknown_breaker")
            was_tripped = row is None or row.tripped or (whole and kind == DRAWDOWN)
            climbs = not (authorised and self._gives_full_size())
            lock_at = None if row is None or row.until is None else row.changed_at
            # An account that reduced before its lock came has another reason to climb.
            is_of_the_lock = whole and lock_at is not None and state.changed_at >= lock_at
            if row is not None:
                told = named(actor)
                end_trip(uow.session, row, reason=f"reset: {reason}", actor=told, now=now)
                row.share, row.memory = None, None
            if was_tripped:
                if whole and kind in LOSSES:
                    bases.rebase(uow.session, self._account, now, peak=kind == DRAWDOWN)
                details: dict[str, Any] = {"breaker": kind, "reason": reason}
                details |= {} if whole else {"scope": str(scope)}
                self._note(uow, "breaker_reset", actor, details, now)
                uow.session.flush()
                begins = lock_at is None
                if whole:
                    left = tripped_of(uow.session, self._account)
                    begins = before is TradingState.REDUCING and not left
                if not climbs or is_of_the_lock:
                    self._release(uow, state, reason, actor, now)
                elif begins:
                    self._recovering.begin_after_reset(
                        uow, Scope(scope.kind, scope.key), reason=reason, actor=actor, now=now
                    )
            after = state.state
            uow.commit()
        return BreakerReset(kind, was_tripped, before, after, self.still_denying())

    def release_account(self, *, reason: str, actor: Actor, authorised: bool) -> bool:
        """Frees an account without tripped breakers; returns True when its state moved."""
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            state = states.lock_state(
                uow.session, ScopeKind.ACCOUNT, self._account, now=now, actor=named(actor)
            )
            if state.state == TradingState.ACTIVE or tripped_of(uow.session, self._account):
                return False
            if not authorised:
                require(actor, Power.RESUME, f"leaving {state.state}")
            moved = self._release(uow, state, reason, actor, now)
            uow.commit()
        return moved

    def still_denying(self) -> tuple[str, ...]:
        """The account's own reasons, by the gate, to deny even a perfect trade now."""
        limits, now = self._limits.limits(), self._clock.now()
        with self._db.reading() as session:
            lines = [
                f"breaker {row.kind} is tripped: {row.reason} "
                f"(`mlrisk breaker reset {row.kind} --reason ...`)"
                for row in tripped_of(session, self._account)
            ]
            lines += [
                f"{row.scope_kind} {row.scope_key} is {row.state.upper()}: {row.reason}"
                for row in states.all_states(session)
                if not row.state.allows_adding
            ]
            lines += _by_the_gate(session, self._account, limits, now)
        return tuple(lines)

    def _release(
        self, uow: UnitOfWork, state: TradingStateRow, reason: str, actor: Actor, now: datetime
    ) -> bool:
        """Returns to ACTIVE if the state was REDUCING and nothing is tripped any more."""
        if state.state != TradingState.REDUCING or tripped_of(uow.session, self._account):
            return False
        before = state.state
        said = trading_state.move(
            state,
            TradingState.ACTIVE,
            reason=reason,
            actor=named(actor),
            now=now,
            authorised=True,
        )
        self._note(uow, "resumed", actor, {"reason": reason, "from": before, **said}, now)
        return True

    def _gives_full_size(self) -> bool:
        """Whether the limits let a reset skip the ladder; not while they can't be read."""
        try:
            return self._limits.limits().breakers.reset_to_full_size
        except UNREADABLE:
            return False

    def _note(
        self, uow: UnitOfWork, kind: str, actor: Actor, payload: dict[str, Any], now: datetime
    ) -> None:
        record(uow, self._account, kind, f"account:{self._account}", actor, payload, now)

    def _unknown(self, session: Session, kind: str) -> str:
        held = ", ".join(row.kind for row in tripped_of(session, self._account)) or "none"
        return f"{kind} has never tripped on account {self._account}; tripped: {held}"


def _by_the_gate(session: Session, account: str, limits: RiskLimits, now: datetime) -> list[str]:
    """Asks the gate about the sound trade of the self-test, with this account's money."""
    case = healthy(limits)
    intent = replace(case.intent, account=account, strategy="", symbol="")
    found, _ = snapshots.take(session, intent, MarketReading(), now)
    ours = case.seeing(
        states=found.states,
        breakers=found.breakers,
        portfolio=_money(case, found.portfolio, now),
    )
    decision = evaluate(ours.intent, ours.snapshot, limits)
    return [
        f"{result.name}: {result.sentence}"
        for result in decision.checks
        if result.name in OF_THE_ACCOUNT
        and result.name not in ("trading_state", "breakers")
        and result.status not in _SOUND
    ]


def _money(case: Case, found: PortfolioView | None, now: datetime) -> PortfolioView | None:
    """The account's money without its positions, with its present age at the case's time."""
    sound = case.snapshot.portfolio
    if found is None or sound is None:
        return found
    as_of = None if found.as_of is None else NOW - (now - found.as_of)
    return replace(
        found, as_of=as_of, positions=(), working=(), available_margin=sound.available_margin
    )

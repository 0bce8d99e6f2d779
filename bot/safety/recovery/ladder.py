"""The steps of recoveries: one step up after time and good fills, all the way back at a bad sign.

Every fact is a row, so that restarts change nothing. A reading that is missing is no good sign: the
recovery stays where it is.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.execution.orders.one_by_one import each
from bot.execution.ports import LimitsSource
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.recovery.recovering import LADDER, OPEN
from bot.state import trading_state
from bot.state.scope import Scope
from config.keys.recovery import RecoveryRules
from models.database import Database, UnitOfWork
from models.enums import ChildState, RecoveryPhase, ScopeKind, TradingState
from models.repositories.safety import bases, states
from models.repositories.safety.bases import CONFIRMATIONS
from models.tables import (
    BreakerRow,
    CashFlowRow,
    ChildOrderRow,
    FillRow,
    ParentOrderRow,
    RecoveryRow,
    TradingStateRow,
)

log = logging.getLogger(__name__)

ACTOR = "recovery"
"""Not one of those whose states a breaker's own recovery may end."""
ADVANCED, FELL_BACK, ENDED = "recovery_advanced", "recovery_fell_back", "recovery_ended"
_FAILED = (ChildState.REJECTED, ChildState.LOST)


@dataclass
class RecoveryLadder:
    """Judges the open recoveries of one account."""

    db: Database
    account: str
    limits: LimitsSource
    clock: Clock

    def tick(self) -> int:
        """Judges each open recovery; returns how many changed."""
        with self.db.reading() as session:
            found = select(RecoveryRow.recovery_id).where(RecoveryRow.phase.in_(OPEN))
            ids = list(session.scalars(found.order_by(RecoveryRow.recovery_id)))
        if not ids:
            return 0
        rules = self.limits.limits().recovery
        return sum(each(ids, lambda one: self._judge(one, rules), "a recovery can't be judged"))

    def _judge(self, recovery_id: int, rules: RecoveryRules) -> int:
        now = self.clock.now()
        with self.db.unit_of_work() as uow:
            seen = uow.session.get_one(RecoveryRow, recovery_id)
            scope = Scope.of(seen)
            state = states.lock_state(uow.session, scope.kind, scope.key, now=now, actor=ACTOR)
            row = uow.session.get_one(
                RecoveryRow, recovery_id, with_for_update=True, populate_existing=True
            )
            changed = self._act(uow, scope, state, row, rules, now)
            if changed:
                uow.commit()
        return int(changed)

    def _act(
        self,
        uow: UnitOfWork,
        scope: Scope,
        state: TradingStateRow,
        row: RecoveryRow,
        rules: RecoveryRules,
        now: datetime,
    ) -> bool:
        if row.phase not in OPEN:
            return False
        if row.phase is RecoveryPhase.PENDING:
            if now < row.expires_at and state.epoch == row.epoch:
                return False
            return _end(uow, scope, row, "nobody confirmed it in time", now)
        if state.epoch != row.epoch or state.state != TradingState.RECOVERING:
            return _end(uow, scope, row, f"the state was moved: {state.reason}", now)
        bad = self._bad_sign(uow.session, scope, row, rules)
        if bad is not None:
            return _fall_back(uow, scope, state, row, bad, now)
        return self._is_due(uow.session, scope, row, rules, now) and _advance(
            uow, scope, state, row, now
        )

    def _bad_sign(
        self, session: Session, scope: Scope, row: RecoveryRow, rules: RecoveryRules
    ) -> str | None:
        """The first sign that what was halted is not over; None without any."""
        begun, since = row.begun_at, row.step_since
        if begun is None or since is None:
            return "its row does not say when it began"
        tripped = session.scalars(
            select(BreakerRow)
            .where(BreakerRow.tripped, BreakerRow.changed_at >= begun, _covers(scope, self.account))
            .order_by(BreakerRow.kind)
        ).first()
        if tripped is not None:
            return f"breaker {tripped.kind} tripped: {tripped.reason}"
        loss = self._loss(session, row.equity, begun)
        if loss is not None and loss > rules.max_loss:
            return f"lost {loss:.2%} since its begin; the limit is {rules.max_loss:.2%}"
        failed = session.scalar(
            select(func.count())
            .select_from(ChildOrderRow)
            .join(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
            .where(
                ChildOrderRow.account == self.account,
                ChildOrderRow.state.in_(_FAILED),
                ChildOrderRow.final_at >= since,
                _within(scope),
            )
        )
        if (failed or 0) > rules.max_failures:
            return f"{failed} orders were rejected or lost; the limit is {rules.max_failures}"
        return None

    def _loss(self, session: Session, equity: Decimal | None, begun: datetime) -> Decimal | None:
        """The share of the equity that the newest readings agree was lost; cash flows are none."""
        found = bases.readings(session, self.account, self.clock.now())
        if equity is None or len(found) < CONFIRMATIONS or found[-1][0] < begun:
            return None
        base = equity
        flows = select(CashFlowRow.share).where(
            CashFlowRow.account == self.account,
            CashFlowRow.at > begun,
            CashFlowRow.at <= found[0][0],
        )
        for share in session.scalars(flows):
            if share is None:
                return None
            base *= share
        if base <= 0:
            return None
        return min((base - reading) / base for _, reading in found)

    def _is_due(
        self, session: Session, scope: Scope, row: RecoveryRow, rules: RecoveryRules, now: datetime
    ) -> bool:
        since = row.step_since
        if since is None or now - since < timedelta(minutes=rules.step_minutes):
            return False
        if rules.good_fills == 0:
            return True
        good = session.scalar(
            select(func.count())
            .select_from(FillRow)
            .join(ChildOrderRow, ChildOrderRow.child_id == FillRow.child_id)
            .join(ParentOrderRow, ParentOrderRow.request_id == ChildOrderRow.request_id)
            .where(
                FillRow.account == self.account,
                FillRow.executed_at >= since,
                ChildOrderRow.reduce_only.is_(False),
                _within(scope),
            )
        )
        return (good or 0) >= rules.good_fills


def _advance(
    uow: UnitOfWork, scope: Scope, state: TradingStateRow, row: RecoveryRow, now: datetime
) -> bool:
    """Takes one step, or ends the recovery after the last one."""
    if row.step + 1 < len(LADDER):
        row.step += 1
        row.share = LADDER[row.step]
        row.step_since = row.changed_at = now
        said = {"recovery": row.recovery_id, "share": format(row.share, "f")}
        uow.audit(scope.chain, ADVANCED, str(scope), ACTOR, said, now)
        return True
    # The persons who asked and confirmed have allowed the whole way.
    moved = trading_state.move(
        state, TradingState.ACTIVE, reason=row.reason, actor=ACTOR, now=now, authorised=True
    )
    row.phase, row.changed_at = RecoveryPhase.RECOVERED, now
    said = {"reason": row.reason, "recovery": row.recovery_id, "from": "recovering", **moved}
    uow.audit(scope.chain, "resumed", str(scope), ACTOR, said, now)
    return True


def _fall_back(
    uow: UnitOfWork,
    scope: Scope,
    state: TradingStateRow,
    row: RecoveryRow,
    why: str,
    now: datetime,
) -> bool:
    """Takes the scope back to what it left; FLAT comes back as HALTED, because it trades again."""
    left = row.from_state
    back = TradingState.REDUCING if left is TradingState.REDUCING else TradingState.HALTED
    reason = f"the recovery fell back: {why}"
    moved = trading_state.tighten(state, back, reason=reason, actor=ACTOR, now=now)
    row.phase, row.note, row.changed_at = RecoveryPhase.FELL_BACK, why, now
    said = {"reason": reason, "recovery": row.recovery_id, "from": "recovering", **moved}
    kind = "halted" if back is TradingState.HALTED else states.RECORDED
    uow.audit(scope.chain, kind, str(scope), ACTOR, said, now)
    told = {"recovery": row.recovery_id, "why": why}
    uow.audit(scope.chain, FELL_BACK, str(scope), ACTOR, told, now)
    log.critical(
        "%s is %s again: %s",
        scope,
        back.upper(),
        reason,
        extra={"event": FELL_BACK, "alert": AlertLevel.CRITICAL.value},
    )
    return True


def _end(uow: UnitOfWork, scope: Scope, row: RecoveryRow, why: str, now: datetime) -> bool:
    row.phase, row.note, row.changed_at = RecoveryPhase.ENDED, why, now
    said = {"recovery": row.recovery_id, "why": why}
    uow.audit(scope.chain, ENDED, str(scope), ACTOR, said, now)
    return True


def _covers(scope: Scope, account: str) -> ColumnElement[bool]:
    """The breakers that apply to the scope; a breaker of anything stops a global recovery."""
    if scope.kind is ScopeKind.GLOBAL:
        return true()
    found = (
        (ScopeKind.GLOBAL, states.GLOBAL_KEY),
        (ScopeKind.ACCOUNT, account),
        (scope.kind, scope.key),
    )
    return or_(
        *(and_(BreakerRow.scope_kind == kind, BreakerRow.scope_key == key) for kind, key in found)
    )


def _within(scope: Scope) -> ColumnElement[bool]:
    """The trades of the scope."""
    if scope.kind is ScopeKind.STRATEGY:
        return ParentOrderRow.strategy == scope.key
    if scope.kind is ScopeKind.SYMBOL:
        return ParentOrderRow.symbol == scope.key
    return true()

"""How a breaker ends without a person: timed locks, and recovery where the environment allows it.

A recovery waits, and then allows 10, 25, 50 and at last 100 % of the size. A new breach on the way
trips the breaker again. In production only timed locks end by themselves.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select

from bot.safety.breakers.readings import BreakerKind, BreakerReading, seconds_between
from bot.safety.recovery.recovering import LADDER as WHOLE_LADDER
from bot.state import trading_state
from bot.state.breakers import end_trip, tripped_of
from config.keys.breakers import BreakerRules
from models.database import UnitOfWork
from models.enums import BreakerAction, ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import BreakerRow, TradingStateRow

log = logging.getLogger(__name__)

ACTOR = "breakers"
LADDER = WHOLE_LADDER[:-1]
"""The shares of the size before the whole of it."""
_OURS = frozenset({"breakers", "monitor"})
"""Who set a state that a recovery may end. A state that a person set stays."""
_BY_A_PERSON = frozenset({BreakerKind.DRAWDOWN})


def advance(
    uow: UnitOfWork,
    account: str,
    rules: BreakerRules,
    readings: Sequence[BreakerReading],
    now: datetime,
    *,
    may_recover: bool,
) -> tuple[str, ...]:
    """Counts the waits of this look, and ends what is over; returns what changed, in words."""
    seen: dict[tuple[str, str, str], BreakerReading] = {
        (r.scope.kind, r.scope.key, r.kind): r for r in readings
    }
    changed: list[str] = []
    rows = uow.session.scalars(
        select(BreakerRow)
        .where(or_(BreakerRow.tripped, BreakerRow.share.is_not(None)))
        .order_by(BreakerRow.scope_kind, BreakerRow.scope_key, BreakerRow.kind)
    ).all()
    for row in rows:
        since = max(row.seen_at or row.changed_at, row.changed_at)
        row.waited_seconds += seconds_between(since, now)
        reading = seen.get((row.scope_kind, row.scope_key, row.kind))
        name = f"{row.kind} of {row.scope_kind} {row.scope_key}"
        if row.tripped and row.until is not None:
            if _lock_is_over(row, reading, now):
                _end(uow, account, row, "the lock is over", now)
                changed.append(f"{name} ended")
        elif row.tripped and may_recover and _may_begin(row, rules, reading):
            _end(uow, account, row, "recovers by itself, at a tenth of the size", now)
            row.share = LADDER[0]
            changed.append(f"{name} recovers")
        elif _climbs(row, rules):
            _climb(row)
            changed.append(f"{name} allows {row.share or 1:.0%} of the size")
    for row in uow.session.scalars(select(BreakerRow)):
        row.seen_at = now
    uow.session.flush()
    _release(uow, account, now)
    return tuple(changed)


def _lock_is_over(row: BreakerRow, reading: BreakerReading | None, now: datetime) -> bool:
    if row.until is None or now < row.until or (reading is not None and reading.breached):
        return False
    return row.waited_seconds >= (row.until - row.changed_at).total_seconds()


def _may_begin(row: BreakerRow, rules: BreakerRules, reading: BreakerReading | None) -> bool:
    """Whether a tripped breaker may recover: it was judged, is over, and the wait is as well.

    A breaker that no condition judges (an act of the exchange, positions that disagree) waits for a
    person.
    """
    if reading is None or row.kind in _BY_A_PERSON or row.action is BreakerAction.FLATTEN:
        return False
    if row.escalated_at is not None or row.waited_seconds < rules.recovery_wait_seconds:
        return False
    return reading.is_over or not reading.clears


def _climbs(row: BreakerRow, rules: BreakerRules) -> bool:
    """Whether a recovery takes its next step."""
    recovers = not row.tripped and row.share in LADDER and row.kind not in _BY_A_PERSON
    return recovers and row.waited_seconds >= rules.recovery_step_seconds


def _climb(row: BreakerRow) -> None:
    place = LADDER.index(row.share or LADDER[0]) + 1
    row.share = LADDER[place] if place < len(LADDER) else None
    row.waited_seconds = 0.0


def _end(uow: UnitOfWork, account: str, row: BreakerRow, reason: str, now: datetime) -> None:
    end_trip(uow.session, row, reason=reason, actor=ACTOR, now=now)
    details = {"breaker": row.kind, "reason": reason}
    subject = f"{row.scope_kind}:{row.scope_key}"
    uow.audit(account, "breaker_recovered", subject, ACTOR, details, now)
    log.warning("a breaker ended: %s: %s", row.kind, reason, extra={"event": "breaker_recovered"})


def _release(uow: UnitOfWork, account: str, now: datetime) -> None:
    """Moves the account's state after its breakers: REDUCING, then RECOVERING, then ACTIVE.

    Only a state that a breaker set is moved, and only while no breaker of the account is tripped.
    """
    held = uow.session.get(TradingStateRow, (ScopeKind.ACCOUNT, account))
    if held is None or held.state not in (TradingState.REDUCING, TradingState.RECOVERING):
        return
    if held.actor not in _OURS or tripped_of(uow.session, account):
        return
    recovering = uow.session.scalar(
        select(BreakerRow.kind)
        .where(
            BreakerRow.scope_kind == ScopeKind.ACCOUNT,
            BreakerRow.share.in_(LADDER),
            BreakerRow.kind.not_in([str(kind) for kind in _BY_A_PERSON]),
        )
        .limit(1)
    )
    wanted = TradingState.ACTIVE if recovering is None else TradingState.RECOVERING
    state = states.lock_state(uow.session, ScopeKind.ACCOUNT, account, now=now, actor=ACTOR)
    if state.state == wanted or states.contradicted(state) is not None:
        return
    if state.state == TradingState.RECOVERING and wanted is not TradingState.ACTIVE:
        return
    reason = "no breaker of the account is tripped any more"
    before = state.state
    said = trading_state.move(state, wanted, reason=reason, actor=ACTOR, now=now, authorised=True)
    uow.audit(
        account,
        "resumed",
        f"account:{account}",
        ACTOR,
        {"reason": reason, "from": before, **said},
        now,
    )

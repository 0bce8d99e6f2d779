"""The last check before a child goes out: state, authorization, deadline, approval.

The authorization binds a child to the decision that approved it: the same trade, within the
approved quantity, under the same trading states, and for a limited time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.execution.orders.approved import RiskApproved
from bot.execution.orders.parents import left_qty
from bot.execution.orders.reasons import Reason, reason_to_stop
from bot.risk import stages
from models.enums import (
    ChildState,
    EndCause,
    ScopeKind,
    StrategyStage,
    TradingState,
    Verdict,
    strictest,
)
from models.repositories.safety import states
from models.repositories.strategies import KnownStage
from models.repositories.trading import pre_send
from models.repositories.trading.pre_send import Approval, PreSendFacts
from models.tables import BreakerRow, ChildOrderRow, ParentOrderRow, TradingStateRow

MAX_AUTHORIZATION_AGE = timedelta(hours=24, minutes=1)
"""The longest life of an approval: the longest horizon of a message, and a minute for its last
slice. The parent's deadline usually ends it much earlier; this bound holds even if a deadline was
moved."""
FUTURE_TOLERANCE = timedelta(minutes=1)
"""The most that machines' clocks differ; a decision from further ahead has no readable age."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a child must not go out, and the state in which it ends."""

    state: ChildState
    reason: Reason


def refusal(
    cleared: PreSendFacts, parent: ParentOrderRow, child: ChildOrderRow, now: datetime
) -> Refusal | None:
    """Why the child may not go out now; None when it may. A missing global state refuses.

    An exit is exempt from halts, breakers, stages and age alone. A halt that stops exits as well
    ends their parents.
    """
    approval = cleared.approval
    stopped = None if child.reduce_only else _stopped(cleared, parent)
    if stopped is not None:
        return stopped
    if child.deadline_at <= now or parent.deadline_at <= now:
        return Refusal(ChildState.EXPIRED, Reason("deadline passed before it could be sent"))
    if parent.state.is_final:
        return Refusal(ChildState.CANCELLED, Reason(f"parent is {parent.state}"))
    stopping = reason_to_stop(parent)
    if stopping is not None:
        return Refusal(ChildState.CANCELLED, stopping)
    uncovered = _uncovered(approval, parent, child)
    if uncovered is not None:
        return Refusal(ChildState.CANCELLED, Reason(f"the approval does not cover it: {uncovered}"))
    if not child.reduce_only and approval is not None:
        return _too_old(now - approval.decided_at)
    return None


def authorize(
    cleared: PreSendFacts, parent: ParentOrderRow, child: ChildOrderRow, now: datetime
) -> RiskApproved[ChildOrderRow] | Refusal:
    """The child as one that may go out now, or why it may not."""
    refused = refusal(cleared, parent, child, now)
    return RiskApproved(child) if refused is None else refused


def is_foreign(account: str, parent: ParentOrderRow, child: ChildOrderRow) -> bool:
    """Whether the order belongs to another account than the keys that would sign it."""
    return (parent.account, child.account) != (account, account)


def parent_refusal(session: Session, parent: ParentOrderRow) -> Refusal | None:
    """Why no further child of this parent may be made; None while its authorization holds."""
    if parent.reduce_only:
        return None
    return _stopped(pre_send.read(session, parent), parent)


def unsent(known: KnownStage, unknown: StrategyStage) -> Refusal | None:
    """Why the strategy's stage sends no entry; None when it does. `unknown` is the stage of a
    strategy without a row."""
    stage = stages.in_force(known.stage, unknown)
    if stages.sends(stage, real_money=known.real_money):
        return None
    words = f"halted: {known.reason or stages.why_not(stage)}"
    return Refusal(ChildState.CANCELLED, Reason(words, EndCause.HALTED))


def _stopped(cleared: PreSendFacts, parent: ParentOrderRow) -> Refusal | None:
    """Why states, stage or breakers forbid an entry, or that they changed since the approval.

    They stop entries. An exit under way goes on in any of them, also in an unreadable one.
    """
    # A strategy without a row has its stage by the limits, which the claim reads.
    return (
        _held_by_states(cleared.states)
        or unsent(cleared.stage, StrategyStage.FULL)
        or _outdated(cleared, parent)
        or _tripped(cleared.breakers)
    )


def _held_by_states(rows: Sequence[TradingStateRow]) -> Refusal | None:
    if not any(row.scope_kind == ScopeKind.GLOBAL for row in rows):
        return Refusal(
            ChildState.CANCELLED,
            Reason("halted: the global trading state is missing", EndCause.HALTED),
        )
    state = strictest((row.state for row in rows), TradingState)
    if state is None or not state.allows_adding:
        return Refusal(
            ChildState.CANCELLED, Reason(f"halted: trading state is {state}", EndCause.HALTED)
        )
    return None


def _outdated(cleared: PreSendFacts, parent: ParentOrderRow) -> Refusal | None:
    """That a halt or a demotion came after the approval."""
    if states.epoch_sum(cleared.states) + cleared.stage.epoch == parent.permit_epoch:
        return None
    words = (
        "trading was halted, or the strategy demoted, after the approval: the authorization is void"
    )
    return Refusal(ChildState.CANCELLED, Reason(words, EndCause.HALTED))


def _tripped(breakers: Sequence[BreakerRow]) -> Refusal | None:
    """Why a tripped breaker of the child's scope forbids it."""
    if not breakers:
        return None
    first = breakers[0]
    return Refusal(
        ChildState.CANCELLED,
        Reason(
            f"halted: breaker {first.kind} of {first.scope_kind} {first.scope_key} is tripped",
            EndCause.HALTED,
        ),
    )


def _uncovered(
    approval: Approval | None, parent: ParentOrderRow, child: ChildOrderRow
) -> str | None:
    """Why the decision does not cover this child; None when it does."""
    if approval is None or approval.verdict is Verdict.DENY:
        return "no decision approves it"
    if parent.approved_qty > approval.approved_qty:
        return f"{parent.approved_qty:f} are being traded, {approval.approved_qty:f} were approved"
    trade = (parent.account, parent.symbol, parent.side, parent.reduce_only)
    if (child.account, child.symbol, child.side, child.reduce_only) != trade:
        return "its trade differs from its parent's"
    left = left_qty(parent)
    if child.qty > left:
        return f"{child.qty:f} would be sent, {left:f} are left"
    return None


def _too_old(age: timedelta) -> Refusal | None:
    if age > MAX_AUTHORIZATION_AGE:
        return Refusal(
            ChildState.EXPIRED,
            Reason(f"approved {age.total_seconds():.0f} s ago: the authorization is too old"),
        )
    if age < -FUTURE_TOLERANCE:
        return Refusal(
            ChildState.CANCELLED,
            Reason("approved in the future: the age of the authorization is unknown"),
        )
    return None

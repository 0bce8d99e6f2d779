"""The last check before a child goes out: state, permit, deadline, approval."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from models.enums import ChildState, ParentState, ScopeKind, TradingState
from models.repositories import states
from models.tables import ChildOrderRow, ParentOrderRow, TradingStateRow


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a child must not go out, and the state in which it ends."""

    state: ChildState
    note: str


def epoch_sum(rows: list[TradingStateRow]) -> int:
    """Rises with every change of any state that applies; what a permit is bound to."""
    return sum(row.epoch for row in rows)


def refusal(
    session: Session, parent: ParentOrderRow, child: ChildOrderRow, now: datetime
) -> Refusal | None:
    """None when the child may go out now. Unknown means no: a missing global state refuses."""
    rows = list(states.applicable_states(session, parent.account, parent.strategy, parent.symbol))
    if not any(row.scope_kind == ScopeKind.GLOBAL for row in rows):
        return Refusal(ChildState.CANCELLED, "halted: the global trading state is missing")
    strictest = max((TradingState(row.state) for row in rows), key=lambda s: s.strictness)
    allowed = strictest.allows_reducing if child.reduce_only else strictest.allows_adding
    if not allowed:
        return Refusal(ChildState.CANCELLED, f"halted: trading state is {strictest.value}")
    if not child.reduce_only and epoch_sum(rows) != parent.permit_epoch:
        return Refusal(ChildState.CANCELLED, "halted since the approval: its permit is void")
    if child.deadline_at <= now or parent.deadline_at <= now:
        return Refusal(ChildState.EXPIRED, "deadline passed before it could be sent")
    if ParentState(parent.state) is not ParentState.WORKING:
        return Refusal(ChildState.CANCELLED, f"parent is {parent.state}")
    return None

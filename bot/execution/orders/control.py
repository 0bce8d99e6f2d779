"""Operators' acts on one parent order: pause it, resume it, or cancel its remainder.

Each act is one transaction under the parent's lock with one audit entry, so that two operators act
one after the other. Nothing is sent to the exchange here: the parent's worker cancels resting
orders, and children are held at their claim.
"""

from dataclasses import dataclass

from bot.authority.actors import Actor, Power, named, record, require
from bot.clock import Clock
from bot.errors import Refused
from bot.execution.orders import lifecycle, transitions
from bot.execution.orders.parents import is_late, is_urgent, step_soon, wake_child
from bot.execution.orders.reasons import cancelled_by_operator
from bot.execution.ports import DispatcherOnly, OrderWork, TaskQueue
from bot.state import binding
from models.database import Database, UnitOfWork
from models.enums import ChildState, EndCause, ParentState
from models.locks import lock_open_children, lock_parent
from models.repositories.trading import orders
from models.tables import ParentOrderRow, TradeRequestRow


@dataclass(frozen=True, slots=True)
class ControlReport:
    """The result of an act. `changed` is False when the state was so already and nothing was
    written."""

    request_id: str
    before: ParentState
    after: ParentState
    changed: bool
    stop_reason: str | None
    """Why the parent is ending or has ended; None while it goes on."""
    children_ended: int = 0
    """Planned children that a cancel ended; their quantity is released."""
    children_due: int = 0
    """Planned children that are late after a resume; the catch-up bound paces them."""
    called_back: tuple[str, ...] = ()
    """Orders that rest at the exchange and are being cancelled, by order_link_id. A fill that
    comes before the exchange confirms counts."""


class ParentControl:
    """Pauses, resumes and cancels parents. Needs Postgres; the task queue only makes it faster."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        task_queue: TaskQueue | None = None,
        *,
        account: str | None = None,
    ) -> None:
        """`account` restricts the acts to its parents; None allows every parent of this
        database."""
        self._db = db
        self._account = account
        self._clock = clock
        self._task_queue = task_queue or DispatcherOnly()

    def _work(self) -> OrderWork:
        return OrderWork(self._db, self._clock, self._task_queue)

    def pause(self, request_id: str, *, reason: str, actor: Actor) -> ControlReport:
        """Places nothing more and cancels resting orders, until `resume`; the deadline stays.

        Raises Refused: empty_reason, unknown_request, no_parent, parent_over.
        """
        why = _given(reason)
        with self._work() as uow:
            parent = _open_parent(uow, request_id, self._account)
            if parent.state == ParentState.PAUSED:
                return _unchanged(uow, parent)
            transitions.pause(uow, parent, actor, _facts(parent, why, actor))
            step_soon(uow, parent)
            report = ControlReport(
                request_id,
                ParentState.WORKING,
                ParentState.PAUSED,
                changed=True,
                stop_reason=None,
                called_back=_resting(uow, request_id),
            )
            uow.commit()
        return report

    def resume(self, request_id: str, *, reason: str, actor: Actor) -> ControlReport:
        """Goes on with the remainder, to the original deadline; late slices catch up under their
        bound.

        Raises Refused: empty_reason, unknown_request, no_parent, parent_over; NotAuthorised where
        this needs a login, because risk is added again.
        """
        why = _given(reason)
        with self._work() as uow:
            parent = _open_parent(uow, request_id, self._account)
            if parent.state == ParentState.WORKING:
                return _unchanged(uow, parent)
            if binding.is_guarded(uow.session):
                require(actor, Power.RELEASE_WORK, f"resuming {request_id}")
            transitions.resume(uow, parent, actor, _facts(parent, why, actor))
            late = _wake_late_children(uow, parent)
            step_soon(uow, parent)
            report = ControlReport(
                request_id,
                ParentState.PAUSED,
                ParentState.WORKING,
                changed=True,
                stop_reason=None,
                children_due=late,
            )
            uow.commit()
        return report

    def cancel(self, request_id: str, *, reason: str, actor: Actor) -> ControlReport:
        """Ends a parent: its unsent quantity is released now, resting orders once the exchange
        confirms.

        A repetition changes nothing, nor does the cancel of a parent that is already ending. Raises
        Refused: empty_reason, unknown_request, no_parent, parent_over.
        """
        why = _given(reason)
        with self._work() as uow:
            parent = _known_parent(uow, request_id, self._account)
            if _is_over(parent) and not _was_cancelled(parent):
                raise _over(parent)
            if parent.stop_reason is not None:
                return _unchanged(uow, parent)
            before = parent.state
            facts = _facts(parent, why, actor)
            record(uow, parent.account, "parent_cancelled", request_id, actor, facts, uow.now)
            ended = lifecycle.stop(uow, parent, cancelled_by_operator(why))
            report = ControlReport(
                request_id,
                before,
                parent.state,
                changed=True,
                stop_reason=parent.stop_reason,
                children_ended=ended,
                called_back=_resting(uow, request_id),
            )
            uow.commit()
        return report


def _wake_late_children(uow: OrderWork, parent: ParentOrderRow) -> int:
    """Makes held children due at their planned times again, late and in the plan's order.

    Every other deferral (price, throttle, rate limiter) is judged again at the claim.
    """
    now = uow.now
    late = [
        child
        for child in lock_open_children(uow.session, parent.request_id)
        if child.state == ChildState.PLANNED and child.planned_at <= now
    ]
    late.sort(key=lambda child: (child.planned_at, child.slot, child.attempt))
    for child in late:
        child.due_at = child.wake_at = now
    for place, child in enumerate(late):
        # The other late children follow one by one: see `wake_next_late`.
        if place == 0 or not is_late(child, now):
            wake_child(uow, child, is_urgent(parent))
    return len(late)


def _given(reason: str) -> str:
    """Checks that the reason, which the audit chain records, is not empty."""
    stripped = reason.strip()
    if not stripped:
        raise Refused("a reason is needed: it is recorded", code="empty_reason")
    return stripped


def _known_parent(uow: UnitOfWork, request_id: str, account: str | None) -> ParentOrderRow:
    """The parent, locked."""
    parent = lock_parent(uow.session, request_id)
    if parent is not None and account not in (None, parent.account):
        raise Refused(
            f"request {request_id!r} is of account {parent.account}, and MLRISK_ACCOUNT says "
            f"{account}: act on it with the settings of {parent.account}",
            code="another_account",
        )
    if parent is not None:
        return parent
    request = uow.session.get(TradeRequestRow, request_id)
    if request is None:
        raise Refused(f"no request {request_id!r} is known", code="unknown_request")
    raise Refused(
        f"request {request_id!r} has no order to act on: it is {request.status}", code="no_parent"
    )


def _open_parent(uow: UnitOfWork, request_id: str, account: str | None) -> ParentOrderRow:
    """A parent that may still place something, locked."""
    parent = _known_parent(uow, request_id, account)
    if _is_over(parent):
        raise _over(parent)
    if parent.stop_reason is not None:
        raise Refused(
            f"request {request_id!r} is being ended: {parent.stop_reason}", code="parent_over"
        )
    return parent


def _is_over(parent: ParentOrderRow) -> bool:
    return parent.state.is_final


def _over(parent: ParentOrderRow) -> Refused:
    why = f": {parent.end_reason}" if parent.end_reason else ""
    return Refused(
        f"request {parent.request_id!r} is over ({parent.state}{why})", code="parent_over"
    )


def _was_cancelled(parent: ParentOrderRow) -> bool:
    return parent.stop_cause is EndCause.CANCELLED_BY_OPERATOR


def _unchanged(uow: UnitOfWork, parent: ParentOrderRow) -> ControlReport:
    """The report of a state that holds already; the caller leaves without a commit."""
    state = parent.state
    going = state is ParentState.PAUSED or parent.stop_reason is not None
    return ControlReport(
        parent.request_id,
        state,
        state,
        changed=False,
        stop_reason=parent.stop_reason,
        called_back=_resting(uow, parent.request_id) if going else (),
    )


def _resting(uow: UnitOfWork, request_id: str) -> tuple[str, ...]:
    """Orders that may rest at the exchange; an immediate order ends by itself."""
    return tuple(
        child.order_link_id
        for child in orders.open_children(uow.session, request_id)
        if child.rests and child.state.may_be_at_exchange
    )


def _facts(parent: ParentOrderRow, reason: str, actor: Actor) -> dict[str, str]:
    return {"reason": reason, "actor": named(actor), "filled": format(parent.filled_qty, "f")}

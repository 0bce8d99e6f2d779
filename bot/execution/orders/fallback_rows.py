"""The fallback policy on rows: handles a failed child's rest by its parent's list of steps."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.execution.orders import price_band, transitions
from bot.execution.orders.parents import (
    NewChild,
    is_urgent,
    left_qty,
    lot_rules,
    lowest_price,
    new_child,
    step_soon,
    unplanned_qty,
    wake_child,
)
from bot.execution.orders.reasons import Reason
from bot.execution.policy.exit_bounds import CLOSES_POSITION, ExitBounds
from bot.execution.policy.fallback import (
    FailedAttempt,
    FallbackEffect,
    FallbackPolicy,
    respond,
)
from bot.execution.policy.fallback import after_fill as positions_after_fill
from bot.execution.policy.fallback_steps import MAX_FALLBACK_BPS
from bot.execution.ports import OrderWork
from models.amounts import ZERO
from models.backup import BackupStep, FailureClass
from models.documents.orders import FallbackProgress
from models.enums import Algorithm, ChildState
from models.locks import lock_open_children
from models.repositories import portfolio
from models.repositories.trading import orders
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

log = logging.getLogger(__name__)

_WHOLE = Decimal(1)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The caller's remaining work: to release a part, or to stop the parent for a reason."""

    released: Decimal
    stop: Reason | None = None


def policy_of(parent: ParentOrderRow) -> FallbackPolicy:
    """The parent's own fallback policy. A parent from before fallback policies has none and
    stops."""
    plan: Mapping[str, Any] = parent.params.get("backup", {})
    return FallbackPolicy(
        steps={
            FailureClass(name): tuple(BackupStep(step) for step in steps)
            for name, steps in plan.get("rungs", {}).items()
        },
        fallback_algorithm=Algorithm(plan.get("fallback_algorithm", Algorithm.IMMEDIATE)),
        cancel_on_risk_increase=bool(plan.get("cancel_on_risk_increase", False)),
        market_order_bps=Decimal(plan.get("market_order_bps", MAX_FALLBACK_BPS)),
        answer_within_seconds=plan.get("answer_within_seconds"),
    )


def _progress(parent: ParentOrderRow) -> FallbackProgress:
    return FallbackProgress() if parent.ladder is None else parent.ladder


def working_algorithm(parent: ParentOrderRow) -> Algorithm:
    """The present algorithm: the parent's own, or the one that a fallback step chose."""
    return _progress(parent).algorithm or parent.algorithm


def size_factor(parent: ParentOrderRow) -> Decimal:
    """The factor on a stepped parent's next child after failures."""
    return _WHOLE if (size := _progress(parent).size) is None else size


def bound_bps(parent: ParentOrderRow) -> Decimal | None:
    """The slippage bound of a stepped parent's next child, if a fallback step widened it."""
    return _progress(parent).bound_bps


def not_before(parent: ParentOrderRow) -> datetime | None:
    """Until when a stepped parent waits after a failure."""
    return _progress(parent).not_before


def after_fill(parent: ParentOrderRow, child: ChildOrderRow) -> None:
    """Ends smaller sizes and wider bounds after a fill."""
    if parent.ladder is None or child.filled_qty <= 0:
        return
    positions = positions_after_fill(
        parent.ladder.positions or {}, qty=child.qty, filled=child.filled_qty
    )
    parent.ladder = FallbackProgress(positions, parent.ladder.algorithm)


def _reach(
    parent: ParentOrderRow, child: ChildOrderRow, failure: FailureClass, rules: InstrumentRow
) -> dict[str, Decimal]:
    """The reach of an exit's child beyond its touch, and the largest possible reach: the venue's
    price band, or the operator's bound where the band is unknown. An entry has its policy's."""
    bounds = ExitBounds.of(parent.params)
    if bounds is None:
        return {"widest_bps": policy_of(parent).market_order_bps}
    bound = child.bound_bps or bounds.bound_bps
    if failure is FailureClass.PRICE:
        bound = min(bound, _reached_bps(child) or bound)
    widest = price_band.reach_bps(rules) or bounds.widest_bps
    return {"bound_bps": bound, "widest_bps": widest}


def _reached_bps(child: ChildOrderRow) -> Decimal | None:
    """The distance of a refused price from its touch, after the band had cut it."""
    if child.price is None or child.arrival is None:
        return None
    side = child.side
    touch = child.arrival.touch(side)
    beyond = (child.price - touch) * side.sign / touch * 10_000
    return beyond if beyond > 0 else None


def follow_up(
    uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, failure: FailureClass
) -> FollowUp:
    """Takes the next fallback step for the rest of a child that has just ended."""
    rest = child.qty - child.filled_qty
    row = portfolio.instrument(uow.session, parent.symbol)
    if row is None or parent.state.is_final:
        return FollowUp(rest)
    before = _progress(parent)
    number = orders.last_attempt(uow.session, parent.request_id, child.slot) + 1
    # A stepped parent plans its next child from all that no child holds.
    open_children = orders.open_children(uow.session, parent.request_id)
    tried = unplanned_qty(parent, open_children) if parent.stepped else rest
    if _leaves_too_little(parent, rest, row):
        # The venue takes the last of a position as a whole; the claim ends anything else.
        parent.params = {**parent.params, CLOSES_POSITION: True}
    attempt = FailedAttempt(
        failure=failure,
        rest=tried,
        number=number,
        price=lowest_price(parent),
        seconds_left=(parent.deadline_at - uow.now).total_seconds(),
        algorithm=working_algorithm(parent),
        reduce_only=parent.reduce_only,
        closes_position=bool(parent.params.get(CLOSES_POSITION)),
        **_reach(parent, child, failure, row),
    )
    found, positions = respond(policy_of(parent), attempt, before.positions or {}, lot_rules(row))
    parent.ladder = replace(before, positions=positions)
    _record(uow, parent, child, failure, found)
    if found.stop:
        return FollowUp(rest, stop=Reason(found.note))
    if found.algorithm is not None:
        switch(uow, parent, found.algorithm)
    if parent.stepped:
        _step_later(uow, parent, found)
        return FollowUp(ZERO)
    _plan_attempts(uow, parent, child, number, found)
    return FollowUp(found.released)


def _leaves_too_little(parent: ParentOrderRow, rest: Decimal, rules: InstrumentRow) -> bool:
    """Whether an exit's remainder is under the venue's smallest order."""
    if not parent.reduce_only or parent.stepped:
        return False
    left = left_qty(parent)
    return rest == left and rest < rules.min_qty


def _plan_attempts(
    uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, number: int, found: FallbackEffect
) -> None:
    """Adds one more child of the slice for each part that is tried again."""
    parts = (
        (found.qty, found.delay_seconds, found.bound_bps),
        (found.later_qty, found.later_delay_seconds, None),
    )
    for qty, delay, bound in parts:
        if qty <= 0:
            continue
        due_at = uow.now + timedelta(seconds=delay)
        wanted = NewChild(child.slot, number, qty, due_at, bound_bps=bound)
        successor = new_child(uow, parent, wanted)
        number += 1
        successor.wake_at = uow.now
        wake_child(uow, successor, is_urgent(parent))


def _step_later(uow: OrderWork, parent: ParentOrderRow, found: FallbackEffect) -> None:
    """Returns the rest to a stepped parent, and stores when and how it places the next child."""
    before, at = _progress(parent), uow.now + timedelta(seconds=found.delay_seconds)
    parent.ladder = replace(
        before,
        not_before=at,
        size=size_factor(parent) / 2 if found.step is BackupStep.REDUCE_SIZE else before.size,
        bound_bps=before.bound_bps if found.bound_bps is None else found.bound_bps,
    )
    step_soon(uow, parent, at)


def switch(uow: OrderWork, parent: ParentOrderRow, algorithm: Algorithm) -> None:
    """Lets another algorithm work the rest, step by step; planned slices end."""
    parent.stepped = True
    parent.ladder = replace(_progress(parent), algorithm=algorithm)
    for child in lock_open_children(uow.session, parent.request_id):
        if child.state == ChildState.PLANNED:
            why = f"the rest is traded by {algorithm.value}"
            transitions.end(uow, child, ChildState.CANCELLED, why)


def _record(
    uow: OrderWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    failure: FailureClass,
    found: FallbackEffect,
) -> None:
    uow.add_entry(
        parent.account,
        "backup_plan",
        parent.request_id,
        "mlrisk",
        {
            "child": child.order_link_id,
            "failure": failure.value,
            "step": None if found.step is None else found.step.value,
            "note": found.note,
            "stops": found.stop,
        },
    )
    if found.stop:
        log.critical(
            "the fallback policy stops %s: %s",
            parent.request_id,
            found.note,
            extra={
                "event": "backup_plan_stops",
                "request_id": parent.request_id,
                "failure": failure.value,
            },
        )

"""The rows of an approved trade, which its one transaction writes.

They are made of an `Approved` alone, so that nothing else type-checks into an order.
"""

from datetime import timedelta
from decimal import Decimal

from bot.decision.decide import Approved
from bot.execution.orders import transitions
from bot.execution.orders.identity import order_link_id
from bot.execution.sending import volume_counter
from bot.risk.snapshot import MarketView, TradeIntent
from models.tables import ChildOrderRow, ParentOrderRow, ReservationRow


def parent_row(
    intent: TradeIntent,
    approved: Approved,
    epoch: int,
    market: MarketView | None,
) -> ParentOrderRow:
    """The parent; `epoch` binds its authorization to the trading states that the decision saw."""
    decision, plan = approved.decision, approved.plan
    return transitions.working_parent(
        request_id=intent.request_id,
        account=intent.account,
        strategy=intent.strategy,
        symbol=intent.symbol,
        side=intent.side,
        algorithm=plan.algorithm,
        params=plan.params,
        approved_qty=plan.qty,
        filled_qty=Decimal(0),
        released_qty=Decimal(0),
        filled_notional=Decimal(0),
        fees=Decimal(0),
        reference_price=decision.reference_price,
        price_limit=plan.price_limit,
        reduce_only=decision.reduce_only,
        priority=intent.priority,
        permit_epoch=epoch,
        start_at=plan.start_at,
        deadline_at=plan.deadline_at,
        stepped=plan.stepped,
        step_at=plan.start_at if plan.stepped else None,
        step_wake_at=plan.start_at if plan.stepped else None,
        volume_mark=volume_counter.started(market),
    )


def reservation_row(intent: TradeIntent, approved: Approved) -> ReservationRow:
    """The reservation: the trade's part of the limits until it is filled or released."""
    decision, plan = approved.decision, approved.plan
    return transitions.held_reservation(
        request_id=intent.request_id,
        account=intent.account,
        symbol=intent.symbol,
        side=intent.side,
        reduce_only=decision.reduce_only,
        reference_price=decision.reference_price,
        approved_qty=plan.qty,
        open_qty=plan.qty,
        created_at=plan.start_at,
    )


def child_rows(intent: TradeIntent, approved: Approved, horizon: timedelta) -> list[ChildOrderRow]:
    """One child a slice. The committing process enqueues those that are due within the horizon."""
    decision, plan = approved.decision, approved.plan
    return [
        transitions.planned_child(
            request_id=intent.request_id,
            slot=part.slot,
            attempt=0,
            order_link_id=order_link_id(
                intent.account, intent.request_id, part.slot, 0, strategy=intent.strategy
            ),
            account=intent.account,
            symbol=intent.symbol,
            side=intent.side,
            qty=part.qty,
            filled_qty=Decimal(0),
            reduce_only=decision.reduce_only,
            planned_at=plan.start_at + timedelta(seconds=part.offset_seconds),
            due_at=plan.start_at + timedelta(seconds=part.offset_seconds),
            deadline_at=plan.deadline_at,
            wake_at=plan.start_at if part.offset_seconds <= horizon.total_seconds() else None,
        )
        for part in plan.schedule.slices
    ]

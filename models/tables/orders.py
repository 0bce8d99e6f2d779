"""Approved trades: reservations, parent orders and child orders."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.documents.orders import Arrival, FallbackProgress, Throttle, VolumeMark
from models.enums import (
    Algorithm,
    ChildState,
    EndCause,
    ExecutionPriority,
    OrderStatus,
    ParentState,
    ReservationState,
    Style,
    TradeSide,
    VenueReason,
)
from models.tables.base import Base


class ReservationRow(Base):
    """The part of the limits that an approved trade holds until it is filled or released."""

    __tablename__ = "reservation"
    request_id: Mapped[str] = mapped_column(
        ForeignKey("trade_request.request_id"), primary_key=True
    )
    account: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    reduce_only: Mapped[bool]
    reference_price: Mapped[Decimal]
    approved_qty: Mapped[Decimal]
    open_qty: Mapped[Decimal]
    """The quantity that may still fill; 0 after the release."""
    state: Mapped[ReservationState]
    created_at: Mapped[datetime]
    released_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("open_qty >= 0 AND open_qty <= approved_qty", name="ck_reservation_open"),
        Index("ix_reservation_held", "account", "symbol", postgresql_where=text("state = 'held'")),
        # A rebuild looks only at reservations that are not over.
        Index(
            "ix_reservation_open",
            "account",
            postgresql_where=text("state = 'held' OR open_qty > 0"),
        ),
    )


class ParentOrderRow(Base):
    """The approved trade with its algorithm and deadline."""

    __tablename__ = "parent_order"
    request_id: Mapped[str] = mapped_column(
        ForeignKey("trade_request.request_id"), primary_key=True
    )
    account: Mapped[str]
    strategy: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    algorithm: Mapped[Algorithm]
    params: Mapped[dict[str, Any]]
    approved_qty: Mapped[Decimal]
    filled_qty: Mapped[Decimal]
    released_qty: Mapped[Decimal]
    filled_notional: Mapped[Decimal]
    fees: Mapped[Decimal]
    realised_pnl: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """The profit of the round trips that its fills closed, after the fees and funding of entry and
    close; 0 for an entry alone."""
    reference_price: Mapped[Decimal]
    price_limit: Mapped[Decimal]
    reduce_only: Mapped[bool]
    priority: Mapped[ExecutionPriority]
    permit_epoch: Mapped[int]
    """The sum of the epochs of all trading states that applied at the approval. A change of any of
    them voids the authorization of children that add risk."""
    state: Mapped[ParentState]
    end_reason: Mapped[str | None]
    end_cause: Mapped[EndCause | None]
    """None while the parent is open."""
    start_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    stepped: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether its children are made one after the other. Otherwise all of them exist from the
    start."""
    step_at: Mapped[datetime | None]
    """The time of a stepped parent's next step; None when nothing is left to do."""
    step_wake_at: Mapped[datetime | None]
    """The time when that step was last handed to the execution queue."""
    step_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Failed steps in a row. Each one delays the next step."""
    step_begun_at: Mapped[datetime | None]
    """The start of the step under way. A start that is left behind shows that a process died in
    it."""
    failure: Mapped[str | None]
    """The reason why the last failed step failed."""
    set_aside_at: Mapped[datetime | None]
    """The time since when its steps only wind it down, because they kept failing."""
    stop_reason: Mapped[str | None]
    """Why it is being ended: nothing more is placed, and resting orders are cancelled."""
    stop_cause: Mapped[EndCause | None]
    pace: Mapped[Throttle | None]
    """The throttle state with its cause; None while the parent goes at its own pace."""
    ladder: Mapped[FallbackProgress | None]
    """The progress of the fallback policy; None before the first failure."""
    volume_mark: Mapped[VolumeMark | None]
    """The market's traded volume since the start, as last counted."""

    __table_args__ = (
        CheckConstraint("filled_qty >= 0 AND released_qty >= 0", name="ck_parent_not_negative"),
        CheckConstraint("filled_qty + released_qty <= approved_qty", name="ck_parent_not_over"),
        Index("ix_parent_state", "state"),
        Index(
            "ix_parent_open",
            "account",
            postgresql_where=text("state IN ('working', 'paused')"),
        ),
        # The gate counts the losses since the newest profit.
        Index(
            "ix_parent_realised",
            "account",
            "finished_at",
            postgresql_where=text("realised_pnl <> 0"),
        ),
        Index("ix_parent_step", "step_at", postgresql_where=text("step_at IS NOT NULL")),
        Index("ix_parent_started", "start_at"),
        Index(
            "ix_parent_finished",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
    )


class ChildOrderRow(Base):
    """One slice: the only thing that is ever sent to the exchange."""

    __tablename__ = "child_order"
    child_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("parent_order.request_id"))
    slot: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    order_link_id: Mapped[str]
    account: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[TradeSide]
    qty: Mapped[Decimal]
    filled_qty: Mapped[Decimal]
    reduce_only: Mapped[bool]
    planned_at: Mapped[datetime]
    """The time at which the plan wanted the child sent. It never moves, so that lateness can't hide
    in a deferral."""
    due_at: Mapped[datetime]
    """The time from which the child may go out: the plan's time, or later after a deferral."""
    deadline_at: Mapped[datetime]
    state: Mapped[ChildState]
    body: Mapped[dict[str, Any] | None]
    """The exact request, stored before it is sent."""
    arrival: Mapped[Arrival | None]
    """The market at the claim; None when it was unknown."""
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fencing_token: Mapped[int] = mapped_column(server_default=text("0"))
    wake_at: Mapped[datetime | None]
    wakes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """The number of wakes in vain since a worker last looked at the child."""
    claims: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    posts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    sent_at: Mapped[datetime | None]
    first_sent_at: Mapped[datetime | None]
    """The first sending since the exchange last answered about the order."""
    acked_at: Mapped[datetime | None]
    final_at: Mapped[datetime | None]
    exchange_order_id: Mapped[str | None]
    exchange_filled_qty: Mapped[Decimal | None]
    """The exchange's filled quantity. The child is done when our fills add up to it."""
    exchange_status: Mapped[OrderStatus | None]
    """The exchange's last word on the order. It may be final while fills are still missing; the
    child waits for them then."""
    venue_reason: Mapped[VenueReason | None]
    """Why the exchange ended the order; None before it has ended it. `note` has its own words."""
    ret_code: Mapped[int | None] = mapped_column(Integer)
    absences: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """The number of looks that missed the order since it was last seen."""
    absent_since: Mapped[datetime | None]
    look_at: Mapped[datetime | None]
    """The time of the next look for a missing order; None means together with the others."""
    note: Mapped[str | None]

    style: Mapped[Style] = mapped_column(server_default=text("'ioc'"))
    """How it meets the market: `ioc` takes at once, `post_only` and `limit` rest."""
    price: Mapped[Decimal | None]
    """The price at which it rests, or the bound that its step chose; None means from the touch at
    its claim."""
    bound_bps: Mapped[Decimal | None]
    """A fallback step's own slippage bound from the touch; None means the parent's bound."""
    cancel_requested_at: Mapped[datetime | None]
    """The time when its cancel was decided. Nothing replaces it before the exchange has
    confirmed."""
    cancels: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """The number of cancel requests that were sent."""

    @property
    def rests(self) -> bool:
        """Whether it stays in the book until it is filled or called back. An IOC ends by itself."""
        return self.style.rests

    __table_args__ = (
        UniqueConstraint("request_id", "slot", "attempt", name="uq_child_slot_attempt"),
        UniqueConstraint("order_link_id", name="uq_child_order_link_id"),
        CheckConstraint("qty > 0 AND filled_qty >= 0", name="ck_child_quantities"),
        # The gate counts the orders of the last second.
        Index("ix_child_sent", "account", "sent_at", postgresql_where=text("sent_at IS NOT NULL")),
        Index("ix_child_due", "due_at", postgresql_where=text("state = 'planned'")),
        Index("ix_child_deadline", "deadline_at", postgresql_where=text("state = 'planned'")),
        # A parent may have many ended children. This index finds the open ones without them.
        Index(
            "ix_child_open",
            "request_id",
            postgresql_where=text("state IN ('planned', 'sending', 'acked', 'working', 'unknown')"),
        ),
        # Orders that were given up as never taken and are looked for again.
        Index(
            "ix_child_given_up",
            "account",
            "final_at",
            postgresql_where=text("state = 'expired' AND posts > 0 AND exchange_order_id IS NULL"),
        ),
        Index(
            "ix_child_done",
            "final_at",
            postgresql_where=text("final_at IS NOT NULL AND sent_at IS NOT NULL"),
        ),
        # The next of a parent's planned children.
        Index(
            "ix_child_planned",
            "request_id",
            "planned_at",
            "child_id",
            postgresql_where=text("state = 'planned'"),
        ),
        Index(
            "ix_child_unresolved",
            "account",
            "symbol",
            postgresql_where=text("state IN ('sending', 'acked', 'working', 'unknown')"),
        ),
        Index(
            "ix_child_cancelling",
            "cancel_requested_at",
            postgresql_where=text("cancel_requested_at IS NOT NULL AND final_at IS NULL"),
        ),
    )

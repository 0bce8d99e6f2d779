"""The tables: every fact that must survive, with the constraints that make a double impossible."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models.text import StorableText

# Wide enough for every instrument of the exchange: 18 decimals, values below 10^20.
Money = Numeric(38, 18)
Utc = DateTime(timezone=True)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's declared interface
        Decimal: Money,
        datetime: Utc,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: StorableText,
        int: BigInteger,
        bool: Boolean,
    }


class AccountRow(Base):
    """One exchange account. Its row lock serialises the gate: limits hold across workers."""

    __tablename__ = "account"
    account: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class AccountBindingRow(Base):
    """Whose database this is: one account at one exchange, from the first start for ever."""

    __tablename__ = "account_binding"
    one: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[str]
    mode: Mapped[str]
    """Paper, demo, testnet or live."""
    exchange_uid: Mapped[str]
    """The exchange's own id of the account; keys change, it does not."""
    bound_at: Mapped[datetime]
    environment: Mapped[str | None]
    """None: bound by an earlier version, until a process starts on it."""
    trading_mode: Mapped[str | None]
    limits_file_sha256: Mapped[str | None]
    """Of the limits' file that the workers started last with; None: none has started yet."""

    __table_args__ = (CheckConstraint("one = 1", name="ck_binding_one"),)


class AccountFitnessRow(Base):
    """Whether an account may trade, as the exchange was last asked."""

    __tablename__ = "account_fitness"
    account: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    ok: Mapped[bool]
    reasons: Mapped[str]
    """What is wrong with it; empty when nothing is."""
    changed_at: Mapped[datetime]
    """When it was first told so."""


class TradeRequestRow(Base):
    """What a strategy asked for, once per strategy and its id for ever."""

    __tablename__ = "trade_request"
    request_id: Mapped[str] = mapped_column(primary_key=True)
    """The key of all that follows from it: `identity.request_keys`. The payload has its own."""
    account: Mapped[str]
    strategy: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[str]
    status: Mapped[str]
    payload: Mapped[dict[str, Any]]
    payload_sha256: Mapped[str]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    wake_at: Mapped[datetime | None]
    """When the request was last handed to the validation queue; None: never."""
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Validations begun while it was undecided; too many park it."""
    failure: Mapped[str | None]
    """Why its last validation failed."""

    __table_args__ = (
        Index("ix_trade_request_status", "status"),
        Index("ix_trade_request_received", "received_at"),
    )


class DecisionRow(Base):
    """The gate's answer with everything needed to replay it."""

    __tablename__ = "decision"
    request_id: Mapped[str] = mapped_column(
        ForeignKey("trade_request.request_id"), primary_key=True
    )
    account: Mapped[str]
    verdict: Mapped[str]
    approved_qty: Mapped[Decimal]
    approved_notional: Mapped[Decimal]
    reference_price: Mapped[Decimal | None]
    intent: Mapped[dict[str, Any]]
    snapshot: Mapped[dict[str, Any]]
    limits: Mapped[dict[str, Any]]
    decision: Mapped[dict[str, Any]]
    decision_sha256: Mapped[str]
    gate_version: Mapped[str]
    """The code that decided: the decision replays bit for bit under this version."""
    decided_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_decision_decided", "decided_at"),
        # The gate counts what is the same order again; facts.py has the same words.
        Index(
            "ix_decision_alike",
            "account",
            text("(intent ->> 'strategy')"),
            text("(intent ->> 'symbol')"),
            text("(intent ->> 'side')"),
            text("(intent ->> 'notional')"),
            "decided_at",
            postgresql_where=text("verdict <> 'deny'"),
        ),
    )


class DecisionFiguresRow(Base):
    """What is counted of a decision, apart from its long record: a million of them are added up
    without reading one snapshot."""

    __tablename__ = "decision_figures"
    request_id: Mapped[str] = mapped_column(ForeignKey("decision.request_id"), primary_key=True)
    decided_at: Mapped[datetime]
    verdict: Mapped[str]
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Of a denial, as are the next two."""
    blamed: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The checks that said no."""
    missing: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Those of them that had no input."""
    confidence: Mapped[float | None] = mapped_column(Double)
    risk_level: Mapped[str | None]
    """None where it was decided before this was kept."""
    model_version: Mapped[str | None]

    __table_args__ = (Index("ix_decision_figures_decided", "decided_at"),)


class ReservationRow(Base):
    """The part of the limits that an approved trade holds until it is filled or released."""

    __tablename__ = "reservation"
    request_id: Mapped[str] = mapped_column(
        ForeignKey("trade_request.request_id"), primary_key=True
    )
    account: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[str]
    reduce_only: Mapped[bool]
    reference_price: Mapped[Decimal]
    approved_qty: Mapped[Decimal]
    open_qty: Mapped[Decimal]
    """What may still fill; 0 when released."""
    state: Mapped[str]
    created_at: Mapped[datetime]
    released_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("open_qty >= 0 AND open_qty <= approved_qty", name="ck_reservation_open"),
        Index("ix_reservation_held", "account", "symbol", postgresql_where=text("state = 'held'")),
        # What a rebuild looks at: nothing that is over.
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
    side: Mapped[str]
    algorithm: Mapped[str]
    params: Mapped[dict[str, Any]]
    approved_qty: Mapped[Decimal]
    filled_qty: Mapped[Decimal]
    released_qty: Mapped[Decimal]
    filled_notional: Mapped[Decimal]
    fees: Mapped[Decimal]
    realised_pnl: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """What the round trips that its fills closed have made, after the fees and funding of entry and
    close; an entry alone is 0."""
    reference_price: Mapped[Decimal]
    price_limit: Mapped[Decimal]
    reduce_only: Mapped[bool]
    priority: Mapped[str]
    permit_epoch: Mapped[int]
    """Sum of the epochs of every trading state that applied when it was approved; a change of any
    of them voids the permit of children that add risk."""
    state: Mapped[str]
    end_reason: Mapped[str | None]
    start_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    stepped: Mapped[bool] = mapped_column(server_default=text("false"))
    """Its children are made one after the other; else all of them are there from the start."""
    step_at: Mapped[datetime | None]
    """When a stepped parent is looked at next; None: nothing is left to do."""
    step_wake_at: Mapped[datetime | None]
    """When that look was last handed to the execution queue."""
    step_failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Looks that failed in a row; each puts off the next one."""
    step_begun_at: Mapped[datetime | None]
    """When the step under way began; one that is left behind is a process that died in it."""
    failure: Mapped[str | None]
    """Why the last of them failed."""
    set_aside_at: Mapped[datetime | None]
    """Since when its steps only wind it down, because they went on failing."""
    stop_reason: Mapped[str | None]
    """Why it is being ended: nothing more is placed, and what rests is cancelled."""
    pace: Mapped[dict[str, Any] | None]
    """How fast risk lets it be worked, with the cause; None: at its own pace."""
    ladder: Mapped[dict[str, Any] | None]
    """How far each failure class has climbed the backup plan."""
    volume_mark: Mapped[dict[str, Any] | None]
    """What the market has traded since the start, as last counted."""

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
    side: Mapped[str]
    qty: Mapped[Decimal]
    filled_qty: Mapped[Decimal]
    reduce_only: Mapped[bool]
    planned_at: Mapped[datetime]
    """When the plan wanted it sent; never moved, so that lateness can't hide in a deferral."""
    due_at: Mapped[datetime]
    """When it may go out: the plan's time, or later after a deferral."""
    deadline_at: Mapped[datetime]
    state: Mapped[str]
    body: Mapped[dict[str, Any] | None]
    """The exact request, stored before it is sent."""
    arrival: Mapped[dict[str, Any] | None]
    """The market when it was claimed (bid, ask, as_of); None when nothing was known of it."""
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fencing_token: Mapped[int] = mapped_column(server_default=text("0"))
    wake_at: Mapped[datetime | None]
    wakes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often it was woken again in vain, since a worker last looked at it."""
    claims: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    posts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    sent_at: Mapped[datetime | None]
    acked_at: Mapped[datetime | None]
    final_at: Mapped[datetime | None]
    exchange_order_id: Mapped[str | None]
    exchange_filled_qty: Mapped[Decimal | None]
    """What the exchange says is filled; the child is done when our fills add up to it."""
    exchange_status: Mapped[str | None]
    """The exchange's last word on the order; final while fills are still missing: wait for them."""
    ret_code: Mapped[int | None] = mapped_column(Integer)
    absences: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often its order was looked for in vain since it was last seen."""
    absent_since: Mapped[datetime | None]
    look_at: Mapped[datetime | None]
    """When a missing order is looked for again; None: with the others."""
    note: Mapped[str | None]

    style: Mapped[str] = mapped_column(server_default=text("'ioc'"))
    """How it meets the market: ioc, or post_only and limit, which rest."""
    price: Mapped[Decimal | None]
    """Where it rests, or its bound as the step chose it; None: from the touch at its claim."""
    bound_bps: Mapped[Decimal | None]
    """A backup plan's own slippage bound from the touch; None: the parent's."""
    cancel_requested_at: Mapped[datetime | None]
    """When its cancel was decided; nothing replaces it before the exchange has confirmed."""
    cancels: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """Cancel requests sent."""

    @property
    def rests(self) -> bool:
        """It stays in the book until it is filled or called back; an IOC ends by itself."""
        return self.style != "ioc"

    __table_args__ = (
        UniqueConstraint("request_id", "slot", "attempt", name="uq_child_slot_attempt"),
        UniqueConstraint("order_link_id", name="uq_child_order_link_id"),
        CheckConstraint("qty > 0 AND filled_qty >= 0", name="ck_child_quantities"),
        # The gate counts the orders of the last second.
        Index("ix_child_sent", "account", "sent_at", postgresql_where=text("sent_at IS NOT NULL")),
        Index("ix_child_due", "due_at", postgresql_where=text("state = 'planned'")),
        Index("ix_child_deadline", "deadline_at", postgresql_where=text("state = 'planned'")),
        # A parent's own past may be long: its open children are found without it.
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


class FillRow(Base):
    """An execution that the exchange reported, once per execId."""

    __tablename__ = "fill"
    account: Mapped[str] = mapped_column(primary_key=True)
    exec_id: Mapped[str] = mapped_column(primary_key=True)
    child_id: Mapped[int | None] = mapped_column(ForeignKey("child_order.child_id"))
    """None: a foreign order's execution, reported and not touched."""
    order_id: Mapped[str]
    order_link_id: Mapped[str]
    symbol: Mapped[str]
    side: Mapped[str]
    qty: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_currency: Mapped[str]
    is_maker: Mapped[bool]
    exec_type: Mapped[str]
    executed_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    source: Mapped[str]

    __table_args__ = (
        Index("ix_fill_child", "child_id"),
        Index("ix_fill_executed", "account", "executed_at"),
        Index("ix_fill_symbol", "symbol", "executed_at"),
    )


class OtherFeeRow(Base):
    """A fill's fee in neither coin of its symbol, or besides its main one: what it was worth, once
    that has been asked."""

    __tablename__ = "other_fee"
    account: Mapped[str] = mapped_column(primary_key=True)
    exec_id: Mapped[str] = mapped_column(primary_key=True)
    coin: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str | None]
    """None: a foreign order's."""
    symbol: Mapped[str]
    side: Mapped[str]
    amount: Mapped[Decimal]
    qty: Mapped[Decimal]
    closed_qty: Mapped[Decimal]
    """What the fill ended of the position: its part of the fee is the closing trade's own."""
    executed_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    """When the exchange answered; None: it is still to be asked."""
    price: Mapped[Decimal | None]
    """Of one unit at the time of the fill; None after an answer: the exchange knows none."""
    price_source: Mapped[str | None]
    cost: Mapped[Decimal | None]
    """Amount times price, in quote: booked on position and trades."""

    __table_args__ = (
        Index(
            "ix_other_fee_to_ask",
            "account",
            "executed_at",
            postgresql_where=text("asked_at IS NULL"),
        ),
        Index("ix_other_fee_executed", "account", "executed_at"),
    )


class PositionRow(Base):
    """Net position from fills; quantity is signed."""

    __tablename__ = "position"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    qty: Mapped[Decimal]
    entry_price: Mapped[Decimal | None]
    realised_pnl: Mapped[Decimal]
    """After fees and funding, which count when they are paid."""
    fees: Mapped[Decimal]
    """In quote; those in a third coin are `other_fees`."""
    funding: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """Paid, or received where it is negative."""
    open_costs: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """Fees and funding of what is held now: the round trip that closes it answers for them."""
    other_fees: Mapped[dict[str, Any] | None]
    """Coin -> what was paid in it and has no price (yet), so that it is in no other sum."""
    liquidation_price: Mapped[Decimal | None]
    """As the exchange last said; None: it names none, or was not asked yet."""
    mark_price: Mapped[Decimal | None]
    """In the exchange's answer about positions: what the market view is held against."""
    marked_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class PositionAdoptionRow(Base):
    """An operator made a position agree with the exchange: what fills don't explain."""

    __tablename__ = "position_adoption"
    adoption_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    symbol: Mapped[str]
    qty_before: Mapped[Decimal]
    qty_after: Mapped[Decimal]
    entry_before: Mapped[Decimal | None]
    entry_after: Mapped[Decimal | None]
    strategy: Mapped[str]
    """On whose share it is counted; empty: nobody's."""
    reason: Mapped[str]
    actor: Mapped[str]
    adopted_at: Mapped[datetime]


class DisagreementRow(Base):
    """A position on which the exchange and our fills disagree, and for how long they do."""

    __tablename__ = "position_disagreement"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    difference: Mapped[Decimal]
    """The exchange's quantity minus ours, the smallest of the readings in a row."""
    ours: Mapped[Decimal]
    theirs: Mapped[Decimal]
    readings: Mapped[int] = mapped_column(Integer)
    """How many in a row had a difference in this direction."""
    since: Mapped[datetime]
    seen_at: Mapped[datetime]


class UnreadableFactRow(Base):
    """A row of the exchange's that can't be read or stored: parked, so that others go on."""

    __tablename__ = "unreadable_fact"
    account: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    """The execution's id, the order's, or the position's symbol."""
    symbol: Mapped[str]
    why: Mapped[str]
    row: Mapped[str]
    """As the exchange sent it."""
    first_seen_at: Mapped[datetime]


class ForeignOrderRow(Base):
    """An order that rests on our account and isn't ours; here from its report to its end."""

    __tablename__ = "foreign_order"
    account: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    orphan_link_id: Mapped[str | None]
    """Its id, when that is in our form: ours by its name, and no row here explains it."""


class StrategyShareRow(Base):
    """One strategy's part of a position; '' has what came from nobody's trade.

    `filled_qty` + `taken_qty` is the share. Over all strategies of a symbol, `filled_qty` adds up
    to the position and `taken_qty` to nothing.
    """

    __tablename__ = "strategy_share"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    strategy: Mapped[str] = mapped_column(primary_key=True)
    filled_qty: Mapped[Decimal]
    """Signed sum of the fills of its own trades."""
    taken_qty: Mapped[Decimal]
    """What moved between shares: another's emergency exit or a foreign order closed it."""
    updated_at: Mapped[datetime]


class EquityRow(Base):
    """One reading of an account's money, from the exchange."""

    __tablename__ = "equity"
    equity_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    at: Mapped[datetime]
    equity: Mapped[Decimal]
    wallet_balance: Mapped[Decimal]
    available: Mapped[Decimal]
    unrealised_pnl: Mapped[Decimal]

    __table_args__ = (Index("ix_equity_account_at", "account", "at"),)


class EquityDayRow(Base):
    """A UTC day's start and the peak: what losses and drawdown are measured from
    (`models/repositories/bases.py`)."""

    __tablename__ = "equity_day"
    account: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    start_equity: Mapped[Decimal]
    """In the money of now, as the peak is: cash flows since then have scaled it."""
    start_at: Mapped[datetime | None]
    """The reading that it comes from; None: a day of an earlier version."""
    start_confirmed: Mapped[bool] = mapped_column(server_default=text("true"))
    """Three readings agree on it; before, one reading stands in for it and nothing latches."""
    peak_equity: Mapped[Decimal]
    """The highest confirmed equity ever, up to and including this day."""
    peak_at: Mapped[datetime | None]
    low_equity: Mapped[Decimal]
    confirmed_equity: Mapped[Decimal | None]
    """What the newest three readings that agreed say."""
    confirmed_at: Mapped[datetime | None]
    flows_read_at: Mapped[datetime | None]
    """Up to when cash flows are known."""
    rebased_at: Mapped[datetime | None]
    """When an operator last took what had been lost as judged: losses count from there."""


class CashFlowRow(Base):
    """Money that came or left without a trade: it scales what losses are measured from."""

    __tablename__ = "cash_flow"
    account: Mapped[str] = mapped_column(primary_key=True)
    flow_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    currency: Mapped[str]
    amount: Mapped[Decimal]
    price: Mapped[Decimal | None]
    """What one unit of its coin was worth at its time; None: nobody could say."""
    price_source: Mapped[str | None]
    value: Mapped[Decimal | None]
    """Amount times price, in equity's own unit."""
    share: Mapped[Decimal | None]
    """What it made of every unit that was there before; None: it can't be said."""
    recorded_at: Mapped[datetime]

    __table_args__ = (Index("ix_cash_flow_at", "account", "at"),)


class InstrumentRow(Base):
    """Trading rules as last read from the exchange."""

    __tablename__ = "instrument"
    symbol: Mapped[str] = mapped_column(primary_key=True)
    category: Mapped[str]
    tick_size: Mapped[Decimal]
    qty_step: Mapped[Decimal]
    min_qty: Mapped[Decimal]
    max_qty: Mapped[Decimal]
    min_notional: Mapped[Decimal]
    max_leverage: Mapped[Decimal]
    price_limit_x: Mapped[Decimal | None]
    """Shares of the mark price that make the venue's price band; None: it doesn't say."""
    price_limit_y: Mapped[Decimal | None]
    status: Mapped[str]
    refreshed_at: Mapped[datetime]


class TradingStateRow(Base):
    """What a scope allows. `epoch` rises with every change and voids older permits."""

    __tablename__ = "trading_state"
    scope_kind: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    reason: Mapped[str]
    actor: Mapped[str]
    epoch: Mapped[int]
    changed_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    """From when on the exchange accepts nothing risk-adding from us; None while ACTIVE."""


class BreakerRow(Base):
    """A latched condition that moves a trading state."""

    __tablename__ = "breaker"
    scope_kind: Mapped[str] = mapped_column(primary_key=True)
    scope_key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tripped: Mapped[bool]
    value: Mapped[str | None]
    limit: Mapped[str | None]
    reason: Mapped[str]
    changed_at: Mapped[datetime]


class HeartbeatRow(Base):
    """The last sign of life of a process or of a queue's canary."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    details: Mapped[dict[str, Any]]


class AuditRow(Base):
    """One immutable, hash-chained record; `seq` has no gaps within its chain."""

    __tablename__ = "audit_entry"
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    subject: Mapped[str]
    actor: Mapped[str]
    payload: Mapped[dict[str, Any]]
    prev_hash: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (
        Index("ix_audit_subject", "subject"),
        Index("ix_audit_at", "at"),
        # The newest entry that set a scope's trading state.
        Index(
            "ix_audit_state",
            "subject",
            "seq",
            postgresql_where=text(
                "kind IN ('halted', 'resumed', 'breaker_tripped', 'state_recorded')"
            ),
        ),
        # The newest entry that put limits in force.
        Index("ix_audit_config", "seq", postgresql_where=text("kind = 'config_changed'")),
        # What is rare and counted, among entries of every order.
        Index(
            "ix_audit_rare",
            "kind",
            "at",
            postgresql_where=text("kind IN ('halted', 'breaker_tripped', 'bad_message')"),
        ),
    )


class AuditHeadRow(Base):
    """Where a chain ends; a trigger moves it in the transaction that writes the entries."""

    __tablename__ = "audit_chain_head"
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]


class AuditHeadsFileRow(Base):
    """How far a file outside the database has noted where the chains end."""

    __tablename__ = "audit_heads_file"
    path: Mapped[str] = mapped_column(primary_key=True)
    begins: Mapped[int]
    """Number of its first line."""
    number: Mapped[int]
    """Of its newest line."""
    code: Mapped[str]
    """Of its newest line."""
    at: Mapped[datetime]


class TallyRow(Base):
    """How many rows of a table have a value: what was folded so far of `tally_change`."""

    __tablename__ = "tally"
    name: Mapped[str] = mapped_column(primary_key=True)
    """The table whose rows are counted."""
    value: Mapped[str] = mapped_column(primary_key=True)
    """Of its state, status, verdict or source."""
    count: Mapped[int]


class TallyChangeRow(Base):
    """One change of a count, written by a trigger in the transaction that changed the rows.

    It is appended, so that writers never wait for each other; `tallies.fold` adds it up.
    """

    __tablename__ = "tally_change"
    change_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    value: Mapped[str]
    change: Mapped[int]


class RefusedMessagesRow(Base):
    """How many messages of one sender were refused for one reason in one minute."""

    __tablename__ = "refused_messages"
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(primary_key=True)
    """As the messages say; `refused.OTHERS` for all beyond the first names of a minute."""
    count: Mapped[int]
    last_at: Mapped[datetime]
    is_summed: Mapped[bool]
    """Whether the audit says how many there were."""

    __table_args__ = (
        Index("ix_refused_messages_open", "minute", postgresql_where=text("NOT is_summed")),
    )


class AuditCheckpointRow(Base):
    """How far a chain was verified, and how far the present round over its past has come."""

    __tablename__ = "audit_checkpoint"
    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]
    round_seq: Mapped[int]
    round_hash: Mapped[str]
    verified_at: Mapped[datetime]


class ConfigVersionRow(Base):
    """One change of the limits at run time, from its proposal to its end; never deleted.

    Version 1 is what the files say, so that ids begin with 2.
    """

    __tablename__ = "config_version"
    id: Mapped[int] = mapped_column(Identity(always=True, start=2), primary_key=True)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """When it came into its present state."""
    environment: Mapped[str]
    mode: Mapped[str]
    changes: Mapped[list[Any]]
    """What was asked for: path, before, after, direction of each value, in the order of paths."""
    override: Mapped[dict[str, Any]]
    """Every override in force with this version, path to value; the files' values stand below."""
    direction: Mapped[str]
    state: Mapped[str]
    actor: Mapped[str]
    """Who brought it into its present state."""
    proposed_by: Mapped[str]
    approved_by: Mapped[str | None]
    """The second person; None where nobody was needed or nobody has agreed yet."""
    reason: Mapped[str]
    sha256: Mapped[str]
    """Of environment, mode and override, as the audit entry that activated it says too: limits that
    somebody wrote past us are not used."""

    __table_args__ = (
        CheckConstraint(
            "direction IN ('tightening', 'loosening', 'mixed')", name="ck_config_direction"
        ),
        CheckConstraint(
            "state IN ('proposed', 'active', 'superseded', 'rejected')", name="ck_config_state"
        ),
        CheckConstraint("approved_by <> proposed_by", name="ck_config_second_person"),
        Index(
            "uq_config_active",
            "environment",
            "mode",
            unique=True,
            postgresql_where=text("state = 'active'"),
        ),
    )


class OperatorRow(Base):
    """A person who may act with authority; never deleted, so that a name means one for ever."""

    __tablename__ = "operator"
    operator_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    kdf: Mapped[str]
    """How the passphrase becomes the key of `sealed`; of the passphrase itself nothing is here."""
    salt: Mapped[bytes]
    sealed: Mapped[bytes]
    """The secret of the one-time codes and the private key, which the passphrase opens."""
    public_key: Mapped[str]
    """Verifies the acts; audit entries `operator_added` and `operator_reset` have it as well."""
    totp_step: Mapped[int | None]
    """The last step whose code was accepted: none up to it is accepted again."""
    failed_attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """In a row; each is counted before it is looked at."""
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    disabled_at: Mapped[datetime | None]
    disabled_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'operator', 'risk_officer')", name="ck_operator_role"),
    )


class VolumeModelRow(Base):
    """One training of the volume models; the newest counts, the older ones stay."""

    __tablename__ = "volume_model"
    model_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    document: Mapped[str]
    """What `bot.market.volume.store` writes and reads."""
    source: Mapped[str]
    """Where the bars came from: a folder, or the exchange."""
    stored_at: Mapped[datetime]

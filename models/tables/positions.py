"""Positions from fills, the strategies' shares of them, and disagreements with the exchange."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.enums import StopState, TradeSide
from models.tables.base import Base


class PositionRow(Base):
    """Net position from fills; quantity is signed."""

    __tablename__ = "position"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    qty: Mapped[Decimal]
    entry_price: Mapped[Decimal | None]
    realised_pnl: Mapped[Decimal]
    """The profit after fees and funding, which count when they are paid."""
    fees: Mapped[Decimal]
    """Fees in quote currency; `other_fees` has those in a third coin."""
    funding: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """Paid funding; negative when it was received."""
    open_costs: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """Fees and funding of the present position. The round trip that closes the position bears
    them."""
    other_fees: Mapped[Mapping[str, Decimal] | None]
    """Paid fees by coin that have no price, or none yet, and are therefore in no other sum."""
    liquidation_price: Mapped[Decimal | None]
    """The exchange's last figure; None when it names none or was not asked yet."""
    mark_price: Mapped[Decimal | None]
    """The mark in the exchange's answer about positions. The market view is compared with it."""
    marked_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    """The time of the fill that opened the present position; None while it is flat."""
    updated_at: Mapped[datetime]


class PositionWatchRow(Base):
    """The memory of the position monitor about one open position."""

    __tablename__ = "position_watch"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime]
    """The position that the row is about: another one starts a new memory."""
    best_price: Mapped[Decimal | None]
    """The best mark since the position was opened: the highest of a long, the lowest of a short."""
    mark_price: Mapped[Decimal | None]
    """The mark of the newest look."""
    looked_at: Mapped[datetime | None]
    """The newest full look; None before the first one."""
    crossed_at: Mapped[datetime | None]
    """Since when the mark is beyond the position's stop; None while it is not."""
    told: Mapped[tuple[str, ...]]
    """The causes that were alerted for this position."""


class PositionExitRow(Base):
    """An exit that the position monitor has asked for. A position has one at a time."""

    __tablename__ = "position_exit"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    cause: Mapped[str]
    value: Mapped[str]
    limit: Mapped[str]
    request_id: Mapped[str] = mapped_column(unique=True)
    asked_at: Mapped[datetime]


class ProtectiveStopRow(Base):
    """A reduce-only stop order of ours that protects one open position at the exchange."""

    __tablename__ = "protective_stop"
    account: Mapped[str] = mapped_column(primary_key=True)
    order_link_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str]
    opened_at: Mapped[datetime]
    """The position that it protects."""
    number: Mapped[int] = mapped_column(Integer)
    side: Mapped[TradeSide]
    qty: Mapped[Decimal]
    """The size of the position when it was placed; it closes the whole position."""
    trigger_price: Mapped[Decimal]
    state: Mapped[StopState]
    body: Mapped[dict[str, Any]]
    """The exact request, stored before it was sent."""
    order_id: Mapped[str | None]
    asked_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """The first time that the exchange listed it."""
    seen_at: Mapped[datetime | None]
    """The newest time that the exchange listed it."""
    failed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("account", "symbol", "number", name="uq_protective_stop_number"),
        Index(
            "ix_protective_stop_open",
            "account",
            "symbol",
            postgresql_where=text("state <> 'ended'"),
        ),
    )


class PositionAdoptionRow(Base):
    """An operator's act that makes a position agree with the exchange where fills don't explain
    it."""

    __tablename__ = "position_adoption"
    adoption_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account: Mapped[str]
    symbol: Mapped[str]
    qty_before: Mapped[Decimal]
    qty_after: Mapped[Decimal]
    entry_before: Mapped[Decimal | None]
    entry_after: Mapped[Decimal | None]
    strategy: Mapped[str]
    """The strategy with the share that it counts on; empty for no strategy."""
    reason: Mapped[str]
    actor: Mapped[str]
    adopted_at: Mapped[datetime]


class DisagreementRow(Base):
    """A position on which the exchange and our fills disagree, and since when they do."""

    __tablename__ = "position_disagreement"
    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    difference: Mapped[Decimal]
    """The exchange's quantity minus ours: the smallest difference of the readings in a row."""
    ours: Mapped[Decimal]
    theirs: Mapped[Decimal]
    readings: Mapped[int] = mapped_column(Integer)
    """The number of readings in a row with a difference in this direction."""
    since: Mapped[datetime]
    seen_at: Mapped[datetime]


class UnreadableFactRow(Base):
    """A row of the exchange that can't be read or stored. It is parked, so that others are used."""

    __tablename__ = "unreadable_fact"
    account: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    """The id of the execution or order, or the position's symbol."""
    symbol: Mapped[str]
    why: Mapped[str]
    row: Mapped[str]
    """The row as the exchange sent it."""
    first_seen_at: Mapped[datetime]


class ForeignOrderRow(Base):
    """An order that rests on our account and isn't ours. The row lasts from its report to its
    end."""

    __tablename__ = "foreign_order"
    account: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    orphan_link_id: Mapped[str | None]
    """The order's id when it has our form: the order is ours by its name, and no row explains
    it."""


class StrategyShareRow(Base):
    """One strategy's part of a position; the empty name has the part from no strategy's trades.

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
    """The quantity that moved between shares, closed by another's emergency exit or a foreign
    order."""
    updated_at: Mapped[datetime]

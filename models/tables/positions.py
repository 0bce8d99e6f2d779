"""Positions from fills, the strategies' shares of them, and where the exchange disagrees."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Identity, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


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

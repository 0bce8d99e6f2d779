"""An account: its binding to a database, its fitness to trade, and its money."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class AccountRow(Base):
    """One exchange account. Its row lock serialises the gate: limits hold across workers."""

    __tablename__ = "account"
    account: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class AccountBindingRow(Base):
    """The account that this database belongs to: one account at one exchange, for ever from the
    first start on."""

    __tablename__ = "account_binding"
    one: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[str]
    mode: Mapped[str]
    """Paper, demo, testnet or live."""
    exchange_uid: Mapped[str]
    """The exchange's own id of the account. It stays when keys change."""
    bound_at: Mapped[datetime]
    environment: Mapped[str | None]
    """None when an earlier version bound the database and no process has started on it since."""
    trading_mode: Mapped[str | None]
    limits_file_sha256: Mapped[str | None]
    """SHA-256 of the limits' file with which the workers started last; None before their first
    start."""

    __table_args__ = (CheckConstraint("one = 1", name="ck_binding_one"),)


class AccountFitnessRow(Base):
    """Whether an account may trade, by the exchange's last answer."""

    __tablename__ = "account_fitness"
    account: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    ok: Mapped[bool]
    reasons: Mapped[str]
    """The faults of the account; empty when it has none."""
    changed_at: Mapped[datetime]
    """The time when the exchange first gave this answer."""


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
    """The start of a UTC day and the peak, from which losses and drawdown are measured
    (`models/repositories/safety/bases.py`)."""

    __tablename__ = "equity_day"
    account: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    start_equity: Mapped[Decimal]
    """In the money of now, like the peak: later cash flows have scaled it."""
    start_at: Mapped[datetime | None]
    """The time of the reading that the start comes from; None for a day of an earlier version."""
    start_confirmed: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether three readings agree on the start. Before that, one reading stands in for it and no
    breaker trips."""
    peak_equity: Mapped[Decimal]
    """The highest confirmed equity ever, up to and including this day."""
    peak_at: Mapped[datetime | None]
    low_equity: Mapped[Decimal]
    confirmed_equity: Mapped[Decimal | None]
    """The value of the newest three readings that agreed."""
    confirmed_at: Mapped[datetime | None]
    flows_read_at: Mapped[datetime | None]
    """The moment up to which cash flows are known."""
    rebased_at: Mapped[datetime | None]
    """The time of the last new start, by an operator or by a flow that emptied or filled the
    account. Losses count from there."""


class CashFlowRow(Base):
    """Money that came or left without a trade. It scales the bases that losses are measured
    from."""

    __tablename__ = "cash_flow"
    account: Mapped[str] = mapped_column(primary_key=True)
    flow_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    currency: Mapped[str]
    amount: Mapped[Decimal]
    price: Mapped[Decimal | None]
    """The worth of one unit of its coin at that time; None when no source knew it."""
    price_source: Mapped[str | None]
    value: Mapped[Decimal | None]
    """Amount times price, in equity's own unit."""
    share: Mapped[Decimal | None]
    """The factor by which the flow scales the equity before it; None when it is unknown."""
    recorded_at: Mapped[datetime]

    __table_args__ = (Index("ix_cash_flow_at", "account", "at"),)

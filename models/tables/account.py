"""An account: whose database this is, whether it may trade, and its money."""

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

"""One moment of a running system as plain values, for the screen, `status` and tests."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from models.enums import ChildState, TradingState, strictest

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class StateLine:
    """A scope's trading state. `sealed` means that nothing risk-adding can be accepted any more."""

    scope: str
    state: TradingState
    reason: str
    actor: str
    changed_at: datetime
    sealed: bool


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request with the gate's answer; `verdict` is empty until it is decided."""

    request_id: str
    received_at: datetime
    strategy: str
    symbol: str
    side: str
    notional: str
    status: str
    verdict: str
    approved_notional: Decimal | None
    reasons: tuple[str, ...]
    progress: str = ""
    """The algorithm of its open order and any obstacle; empty when no order is open."""
    end_reason: str | None = None
    """Why its order ended before it was filled."""

    @property
    def standing(self) -> str:
        """The most important fact about it now, in one line."""
        if self.progress:
            return self.progress
        if self.end_reason:
            return f"{self.status}: {self.end_reason}"
        return ", ".join(self.reasons) or self.status


@dataclass(frozen=True, slots=True)
class ChildLine:
    """One child order. Its lateness is the time between its planned and its real sending."""

    request_id: str
    slot: int
    symbol: str
    side: str
    qty: Decimal
    filled_qty: Decimal
    state: str
    planned_at: datetime
    due_at: datetime
    sent_at: datetime | None
    style: str = "ioc"
    price: Decimal | None = None
    cancel_requested_at: datetime | None = None

    @property
    def rests(self) -> bool:
        """Whether it waits at the exchange for a counterparty."""
        return self.style != "ioc" and self.state in (ChildState.ACKED, ChildState.WORKING)

    @property
    def lateness_ms(self) -> float | None:
        """The time from the planned to the real sending, in ms; None before it was sent."""
        return None if self.sent_at is None else (self.sent_at - self.planned_at) / _MILLISECOND


@dataclass(frozen=True, slots=True)
class FillLine:
    """One execution: quantity in base units, price and fee in quote currency."""

    executed_at: datetime
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    is_maker: bool


@dataclass(frozen=True, slots=True)
class PositionLine:
    """A net position from fills; `last_price` is that of the symbol's newest fill."""

    symbol: str
    qty: Decimal
    entry_price: Decimal | None
    realised_pnl: Decimal
    fees: Decimal
    last_price: Decimal | None

    def unrealised_pnl(self, mark: Decimal | None) -> Decimal | None:
        """The unrealised profit at a mark price, in quote currency.

        None without mark or entry price.
        """
        if mark is None or self.entry_price is None:
            return None
        return self.qty * (mark - self.entry_price)


@dataclass(frozen=True, slots=True)
class BreakerLine:
    """One breaker: its scope and kind, whether it is tripped, and the value against its limit."""

    scope: str
    kind: str
    tripped: bool
    value: str | None
    limit: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class HeartbeatLine:
    """One process's last sign of life, and the details that it gave."""

    name: str
    pid: int
    age_seconds: float
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Money:
    """The newest reading of the account and the day's start; None before the first reading."""

    equity: Decimal | None = None
    available: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    day_start: Decimal | None = None
    peak: Decimal | None = None
    age_seconds: float | None = None
    series: tuple[Decimal, ...] = ()

    @property
    def day_pnl(self) -> Decimal | None:
        """The change of equity since the start of the UTC day; None before both readings."""
        if self.equity is None or self.day_start is None:
            return None
        return self.equity - self.day_start


@dataclass(frozen=True, slots=True)
class Live:
    """One moment of a running system."""

    at: datetime
    account: str
    states: tuple[StateLine, ...]
    money: Money
    requests: tuple[RequestLine, ...]
    request_counts: dict[str, int]
    verdict_counts: dict[str, int]
    children_due: tuple[ChildLine, ...]
    children_done: tuple[ChildLine, ...]
    child_counts: dict[str, int]
    lateness_ms: tuple[float, float] | None
    """p50 and p99 of the last five minutes, in ms."""
    fills: tuple[FillLine, ...]
    fill_count: int
    positions: tuple[PositionLine, ...]
    breakers: tuple[BreakerLine, ...]
    heartbeats: tuple[HeartbeatLine, ...]
    parent_counts: dict[str, int] = field(default_factory=dict)
    alerts_open: dict[str, int] = field(default_factory=dict)
    """The number of alerts that wait for an operator, by level, the loudest first."""
    lease_problem: str | None = None
    """Why no lease to trade stands; None while one does."""

    @property
    def strictest(self) -> StateLine | None:
        """The scope that allows least; None while no scope was ever set."""
        return strictest(self.states, lambda line: line.state)

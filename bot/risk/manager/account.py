"""UnifiedRiskManager: one account's money, positions and results, kept in memory."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.clock import Clock, SystemClock
from bot.risk.breakers.throttle import SlidingWindow
from bot.risk.snapshot import PortfolioView, PositionView
from models.enums import TradeSide
from models.messages import parse_plain_decimal

ZERO = Decimal(0)
_DAY = timedelta(hours=24)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class RiskParameters:
    """The account's limits; shares of its value. None leaves a limit to the configuration."""

    portfolio_value: Decimal | int | str | float = Decimal(100_000)
    max_position_size: float | None = None
    max_gross_exposure: float | None = None
    max_net_exposure: float | None = None
    max_leverage: float | None = None
    max_daily_loss: float | None = None
    max_drawdown: float | None = None
    max_positions: int | None = None
    max_consecutive_losses: int | None = None
    max_order_notional: Decimal | int | str | float | None = None
    max_orders_per_second: int = 10
    leverage: Decimal | int | str | float = Decimal(1)
    """Set at the exchange for every symbol; what an order needs as margin is divided by it."""

    def limit_changes(self) -> dict[str, object]:
        """The gate's limits that these parameters set, by the names of RiskLimits."""
        named = {
            "max_position_share": _share(self.max_position_size),
            "max_gross_exposure_share": _share(self.max_gross_exposure),
            "max_net_exposure_share": _share(self.max_net_exposure),
            "max_leverage": _share(self.max_leverage),
            "max_daily_loss_share": _share(self.max_daily_loss),
            "max_drawdown_share": _share(self.max_drawdown),
            "max_positions": self.max_positions,
            "max_consecutive_losses": self.max_consecutive_losses,
            "max_order_notional": _share(self.max_order_notional),
            "max_orders_per_second": self.max_orders_per_second,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass
class _Holding:
    qty: Decimal = ZERO
    entry: Decimal = ZERO
    mark: Decimal | None = None


@dataclass
class UnifiedRiskManager:
    """Counts realised and unrealised profit alike. Times come from the clock it is given."""

    params: RiskParameters = field(default_factory=RiskParameters)
    clock: Clock = field(default_factory=SystemClock)
    consecutive_losses: int = 0
    _cash: Decimal = field(init=False)
    _holdings: dict[str, _Holding] = field(init=False, default_factory=dict)
    _readings: deque[tuple[datetime, Decimal]] = field(init=False, default_factory=deque)
    _peak: Decimal = field(init=False)
    _day_start: tuple[datetime, Decimal] = field(init=False)
    _orders: SlidingWindow = field(init=False)

    def __post_init__(self) -> None:
        self._cash = self._peak = parse_plain_decimal(self.params.portfolio_value)
        self._day_start = (self.clock.now(), self._cash)
        self._readings.append(self._day_start)
        self._orders = SlidingWindow(self.params.max_orders_per_second, timedelta(seconds=1))

    @property
    def equity(self) -> Decimal:
        """Cash and positions at their marks (at entry, where none was seen)."""
        return self._cash + sum(
            (
                holding.qty * ((holding.mark or holding.entry) - holding.entry)
                for holding in self._holdings.values()
            ),
            ZERO,
        )

    @property
    def daily_loss_share(self) -> Decimal:
        """Lost share of the day's first equity; gains are negative."""
        self._roll()
        start = self._day_start[1]
        return (start - self.equity) / start if start else ZERO

    def mark(self, prices: Mapping[str, Decimal]) -> None:
        """New prices of held symbols."""
        for symbol, price in prices.items():
            if symbol in self._holdings:
                self._holdings[symbol].mark = price
        self._roll()

    def record_fill(
        self, symbol: str, side: TradeSide, qty: Decimal, price: Decimal, fee: Decimal = ZERO
    ) -> Decimal:
        """Book a fill; returns the profit that it realised, fees taken off."""
        holding = self._holdings.setdefault(symbol, _Holding())
        signed = qty * side.sign
        closing = min(qty, abs(holding.qty)) if holding.qty * signed < ZERO else ZERO
        realised = closing * (price - holding.entry) * (1 if holding.qty > ZERO else -1) - fee
        remaining = holding.qty + signed
        if remaining * holding.qty <= ZERO:
            holding.entry = price
        elif closing == ZERO:
            holding.entry = (abs(holding.qty) * holding.entry + qty * price) / abs(remaining)
        holding.qty, holding.mark = remaining, price
        if not remaining:
            del self._holdings[symbol]
        self._cash += realised
        if closing:
            self.consecutive_losses = self.consecutive_losses + 1 if realised < ZERO else 0
        self._roll()
        return realised

    def set_equity(self, equity: Decimal) -> None:
        """Take the account's equity from elsewhere, for instance a wallet reading."""
        self._cash += equity - self.equity
        self._roll()

    def note_order(self) -> None:
        """Count an order against the rate."""
        self._orders.take(self.clock.now())

    def view(self) -> PortfolioView:
        """The portfolio as the gate sees it."""
        self._roll()
        now, equity = self.clock.now(), self.equity
        positions = tuple(
            PositionView(symbol, holding.qty, holding.mark or holding.entry, holding.entry)
            for symbol, holding in self._holdings.items()
        )
        leverage = parse_plain_decimal(self.params.leverage)
        gross = sum((abs(p.qty) * (p.mark or ZERO) for p in positions), ZERO)
        return PortfolioView(
            as_of=now,
            equity=equity,
            available_margin=equity - gross / leverage,
            equity_day_start=self._day_start[1],
            equity_peak=self._peak,
            rolling_pnl_24h=equity - self._readings[0][1],
            positions=positions,
            consecutive_losses=self.consecutive_losses,
            orders_last_second=self._orders.in_use(now),
            leverage=leverage,
        )

    def _roll(self) -> None:
        """A new reading: the day's start at midnight UTC, the peak, and the last 24 hours."""
        now, equity = self.clock.now(), self.equity
        if now.date() != self._day_start[0].date():
            self._day_start = (now, equity)
        self._peak = max(self._peak, equity)
        # One reading a second is enough, and keeps a day of them small.
        if now - self._readings[-1][0] >= _SECOND or len(self._readings) == 1:
            self._readings.append((now, equity))
        while len(self._readings) > 1 and self._readings[0][0] < now - _DAY:
            self._readings.popleft()


def _share(value: float | Decimal | int | str | None) -> Decimal | None:
    return None if value is None else parse_plain_decimal(value)

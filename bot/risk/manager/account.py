"""UnifiedRiskManager: one account's money, positions and results, kept in memory."""

from collections import deque
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.clock import Clock, SystemClock
from bot.risk.breakers.throttle import SlidingWindow
from bot.risk.manager.portfolio_risk import PortfolioRisk
from bot.risk.portfolio.parameters import RiskParameters
from bot.risk.portfolio.tax import ExitTax, TaxLots
from bot.risk.snapshot import PortfolioView, PositionView
from models.amounts import ZERO
from models.enums import TradeSide
from models.messages import parse_plain_decimal

_DAY = timedelta(hours=24)
_SECOND = timedelta(seconds=1)
ASSUMED_VALUE = Decimal(100_000)
"""The assumed value of a portfolio of unknown value."""


@dataclass
class _Holding:
    qty: Decimal = ZERO
    entry: Decimal = ZERO
    mark: Decimal | None = None


@dataclass
class UnifiedRiskManager(PortfolioRisk):
    """Counts realised and unrealised profit alike. Times come from the given clock."""

    risk_params: InitVar[RiskParameters | None] = None
    """None for the parameters' own defaults."""
    clock: Clock = field(default_factory=SystemClock)
    params: RiskParameters = field(init=False)
    consecutive_losses: int = 0
    lots: TaxLots = field(init=False)
    """Open lots and realised gains; information, no limit."""
    value_known: bool = field(init=False)
    """Whether the account's value is known, not assumed or claimed by a strategy."""
    _cash: Decimal = field(init=False)
    _holdings: dict[str, _Holding] = field(init=False, default_factory=dict)
    _readings: deque[tuple[datetime, Decimal]] = field(init=False, default_factory=deque)
    _peak: Decimal = field(init=False)
    _day_start: tuple[datetime, Decimal] = field(init=False)
    _orders: SlidingWindow = field(init=False)
    _claimed: bool = field(init=False)

    def __post_init__(self, risk_params: RiskParameters | None) -> None:
        if risk_params is not None and not isinstance(risk_params, RiskParameters):
            raise TypeError(
                f"risk_params must be RiskParameters or None, not {type(risk_params).__name__}: "
                "RiskParameters(**...) takes the names of a dictionary"
            )
        self.params = RiskParameters() if risk_params is None else risk_params
        value = self.params.portfolio_value
        self.value_known, self.lots = value is not None, TaxLots(self.params)
        self._cash = self._peak = ASSUMED_VALUE if value is None else parse_plain_decimal(value)
        self._claimed = False
        self._day_start = (self.clock.now(), self._cash)
        self._readings.append(self._day_start)
        self._orders = SlidingWindow(self.params.max_orders_per_second, timedelta(seconds=1))

    @property
    def equity(self) -> Decimal:
        """Cash and positions at their marks, or at their entry prices where no mark was seen."""
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
        """Takes new prices of held symbols."""
        for symbol, price in prices.items():
            if symbol in self._holdings:
                self._holdings[symbol].mark = price
        self._roll()

    def record_fill(
        self, symbol: str, side: TradeSide, qty: Decimal, price: Decimal, fee: Decimal = ZERO
    ) -> Decimal:
        """Books a fill; returns its realised profit after fees."""
        self.lots.record(symbol, side, qty, price, self.clock.now(), fee)
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
        """Takes the account's equity from elsewhere, for instance a wallet reading."""
        self.value_known = True
        self._cash += equity - self.equity
        self._roll()

    def claim_value(self, claimed: Decimal, tolerance: float) -> str | None:
        """Takes a strategy's figure of the portfolio's value, which counts only while the value is
        unknown.

        Returns a sentence when it is not believed and differs by more than this share, else None.
        """
        if self.value_known:
            own = self.equity
            if own and abs(claimed - own) <= own * Decimal(repr(tolerance)):
                return None
            return f"the strategy says that the portfolio is worth {claimed:f}; it is {own:f}"
        if not self._claimed:
            # The first figure starts day and peak; it is no loss against the assumption.
            self._cash = self._peak = claimed
            self._day_start = (self.clock.now(), claimed)
            self._readings.clear()
            self._readings.append(self._day_start)
            self._claimed = True
        self._cash += claimed - self.equity
        self._roll()
        return None

    @property
    def value_assumed(self) -> bool:
        """Whether the value is neither known nor claimed."""
        return not (self.value_known or self._claimed)

    def mark_of(self, symbol: str) -> Decimal | None:
        """The newest price of a held symbol."""
        holding = self._holdings.get(symbol)
        return None if holding is None else holding.mark or holding.entry

    def exit_tax(
        self, symbol: str, side: TradeSide, qty: Decimal, price: Decimal
    ) -> ExitTax | None:
        """The gain of closing this quantity and its estimated tax; no tax advice."""
        return self.lots.estimate(symbol, side, qty, price, self.clock.now())

    def note_order(self) -> None:
        """Counts an order against the rate."""
        self._orders.take(self.clock.now())

    def view(self) -> PortfolioView:
        """The portfolio as the gate reads it."""
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
        """Takes a reading of the equity into the day's start (midnight UTC), the peak, and the last
        24 hours."""
        now, equity = self.clock.now(), self.equity
        if now.date() != self._day_start[0].date():
            self._day_start = (now, equity)
        self._peak = max(self._peak, equity)
        # One reading a second is enough, and keeps a day of them small.
        if now - self._readings[-1][0] >= _SECOND or len(self._readings) == 1:
            self._readings.append((now, equity))
        while len(self._readings) > 1 and self._readings[0][0] < now - _DAY:
            self._readings.popleft()

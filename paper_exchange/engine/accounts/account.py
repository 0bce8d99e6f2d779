"""An account: wallet balances, positions, orders and the identifiers that it has used."""

from dataclasses import dataclass, field
from decimal import Decimal

from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.order import Order
from paper_exchange.engine.settings import AccountConfig
from paper_exchange.types import Category

ZERO = Decimal(0)


@dataclass(slots=True, eq=False)
class Position:
    """A position of one symbol.

    `idx` is 0 in one-way mode, 1 for hedge long and 2 for hedge short. `cost` is the exact entry
    value of the open size. The average price is a quotient: the engine shows it and never computes
    with it.
    """

    market: Market
    idx: int
    leverage: Decimal
    size: int = 0
    """Signed steps."""
    extra: Decimal = ZERO
    """Margin that was added by hand, in isolated mode, in the quote coin."""
    cost: Decimal = ZERO
    open_fees: Decimal = ZERO
    cur_realised: Decimal = ZERO
    cum_realised: Decimal = ZERO
    buying: int = 0
    """Open buy orders that may add to the position, in steps."""
    selling: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    opened_ms: int = 0
    seq: int = 0
    status: str = "Normal"
    tpsl_mode: str = "Full"
    reducers: dict[str, Order] = field(default_factory=dict)
    """Open orders that may only shrink this position."""
    exits: dict[str, Order] = field(default_factory=dict)
    """Waiting exits for the whole position, by `TakeProfit` and `StopLoss`."""
    partials: dict[str, Order] = field(default_factory=dict)
    """Waiting exits for a part of the position, by order id."""
    exit_side: int = 0
    """The position's side when its exits were made."""
    trailing: int = 0
    """Trailing distance in ticks. Default: 0, no trailing stop."""
    trailing_active: int | None = None
    trailing_extreme: int | None = None

    @property
    def side(self) -> int:
        """+1 for long, -1 for short, 0 when flat."""
        return (self.size > 0) - (self.size < 0)

    def quantity(self) -> Decimal:
        """The open size without sign, in base units."""
        return abs(self.size) * self.market.step

    def unrealised(self, mark: Decimal) -> Decimal:
        """The unrealised profit at a mark price, in the quote coin."""
        if not self.size:
            return ZERO
        return self.size * self.market.step * mark - self.side * self.cost

    def average(self) -> Decimal:
        """The average entry price; 0 when flat."""
        return self.cost / self.quantity() if self.size else ZERO

    def closable(self, side: int) -> int:
        """The steps that an order of direction `side` may execute before the position turns."""
        return abs(self.size) if self.side == -side else 0


@dataclass(slots=True, eq=False)
class Account:
    """All that one account (uid) owns at the exchange."""

    config: AccountConfig
    wallet: dict[str, Decimal] = field(default_factory=dict)
    locked: dict[str, Decimal] = field(default_factory=dict)
    realised: dict[str, Decimal] = field(default_factory=dict)
    """Cumulative realised PnL by coin, fees and funding included."""
    positions: dict[tuple[str, int], Position] = field(default_factory=dict)
    leverage: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    modes: dict[str, bool] = field(default_factory=dict)
    """Hedge mode by symbol where it differs from the account's default."""
    hedge: bool = False
    isolated: bool = False
    """Whether each position has a margin of its own, and none shares the account's."""
    no_collateral: set[str] = field(default_factory=set)
    """Coins that the user has switched off as collateral."""
    reprice: bool = True
    orders: dict[str, Order] = field(default_factory=dict)
    """All orders that can still be queried, oldest first."""
    open: dict[str, Order] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Every orderLinkId ever accepted, with its orderId."""
    recent: dict[Category, dict[str, Order]] = field(default_factory=dict)
    """The closed orders that order/realtime still shows, oldest first."""
    order_loss: Decimal = ZERO
    active: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Number of open orders by category, symbol and slot.

    The symbol is "" for active spot orders.
    """
    closing: dict[str, Order] = field(default_factory=dict)
    """Orders that closed a part of a position, for `closed-pnl`."""

    @classmethod
    def opened(cls, config: AccountConfig) -> "Account":
        """A new account with the balances and modes of its configuration."""
        return cls(
            config=config,
            wallet=dict(config.balances),
            hedge=config.position_mode == "hedge",
            reprice=config.reprice_outside_band,
        )

    @property
    def uid(self) -> str:
        """The account's number at the exchange."""
        return self.config.uid

    def is_hedged(self, symbol: str) -> bool:
        """Whether the symbol's positions are kept apart by side."""
        return self.modes.get(symbol, self.hedge)

    def leverages(self, market: Market) -> tuple[Decimal, Decimal]:
        """Leverage of buys and sells."""
        known = self.leverage.get(market.symbol)
        if known is not None:
            return known
        default = min(self.config.leverage, market.spec.max_leverage)
        return default, default

    def position(self, market: Market, idx: int) -> Position:
        """The position, created empty when it isn't there yet."""
        key = (market.symbol, idx)
        found = self.positions.get(key)
        if found is None:
            buy, sell = self.leverages(market)
            found = Position(market=market, idx=idx, leverage=sell if idx == 2 else buy)
            self.positions[key] = found
        return found

    def fee_rate(self, market: Market, is_maker: bool) -> Decimal:
        """The fee as a share of the traded value, by product and by maker or taker."""
        config = self.config
        if market.is_spot:
            return config.spot_maker_rate if is_maker else config.spot_taker_rate
        return config.linear_maker_rate if is_maker else config.linear_taker_rate

    def balance(self, coin: str) -> Decimal:
        """The wallet's balance of a coin; 0 when it has none."""
        return self.wallet.get(coin, ZERO)

    def void_margin(self) -> None:
        """Forgets the marks in which the account is safe, because its money has changed."""
        for position in self.positions.values():
            if position.size:
                position.market.holders[self.uid] = None

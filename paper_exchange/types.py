"""The types that the paper exchange's market, engine and server share.

Books and trades are integers inside: prices in ticks, quantities in steps of the instrument. This
keeps replay fast and exact. Money is Decimal (fees, margin, wallet). Times are integer milliseconds
of the exchange's own clock, which may run faster than the wall clock. Market events are named
tuples, because a frozen dataclass takes three times as long to make.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Protocol

from paper_exchange.errors import PaperExchangeError

Category = Literal["linear", "spot"]
Side = Literal["Buy", "Sell"]


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """Trading rules of one instrument, as `market/instruments-info` publishes them."""

    category: Category
    symbol: str
    base_coin: str
    quote_coin: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_limit_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    max_leverage: Decimal = Decimal(100)
    price_limit_x: Decimal = Decimal("0.01")
    price_limit_y: Decimal = Decimal("0.02")
    funding_interval_minutes: int = 480
    status: str = "Trading"
    raw: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the exchange's own reply, where the source has them."""

    @property
    def key(self) -> tuple[Category, str]:
        """Product and symbol."""
        return (self.category, self.symbol)

    def price(self, ticks: int) -> Decimal:
        """Ticks as a price in the quote coin."""
        return ticks * self.tick_size

    def qty(self, steps: int) -> Decimal:
        """Steps as a quantity in base units."""
        return steps * self.qty_step


class BookUpdate(NamedTuple):
    """Levels of the replayed book: absolute sizes in steps, 0 deletes; a snapshot replaces all."""

    category: Category
    symbol: str
    ts_ms: int
    bids: Sequence[tuple[int, int]]
    asks: Sequence[tuple[int, int]]
    snapshot: bool = False


class MarketTrade(NamedTuple):
    """A public trade of the replayed market. `side` is the taker's."""

    category: Category
    symbol: str
    ts_ms: int
    price: int
    qty: int
    side: Side


class MarkUpdate(NamedTuple):
    """Reference prices. Fields left None keep their last value."""

    category: Category
    symbol: str
    ts_ms: int
    mark_price: Decimal | None = None
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None


MarketEvent = BookUpdate | MarketTrade | MarkUpdate
"""Three kinds with the time in the same place."""

new_tuple: Final = tuple.__new__
"""Makes a named tuple from all of its fields, faster than its own constructor."""


@dataclass(frozen=True, slots=True)
class Print:
    """A trade that one of our orders made and that the replay doesn't have.

    `trade` is as the public sees it. `exec_id` and `seq` are those of the order's execution.
    """

    trade: MarketTrade
    seq: int
    exec_id: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of trading: prices in ticks, volume in steps, turnover in tick-steps.

    `minute` counts from the source's time 0; -1 is the last minute before its first event.
    """

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int

    def __post_init__(self) -> None:
        inside = min(self.open, self.close), max(self.open, self.close)
        if not 0 < self.low <= inside[0] <= inside[1] <= self.high:
            raise ValueError(f"not a bar: {self}")
        inside = self.low * self.volume, self.high * self.volume
        if self.volume < 0 or not inside[0] <= self.turnover <= inside[1]:
            raise ValueError(f"volume and turnover do not belong together: {self}")


@dataclass(frozen=True, slots=True)
class Past:
    """The history of one instrument before the source's first event, oldest first.

    Bars have no gaps and end with minute -1. A drawn past closes at the source's first price, a
    recorded one next to it. Funding rates are those of the settlements before the start, one per
    funding interval.
    """

    bars: Sequence[Bar]
    funding_rates: Sequence[Decimal] = ()


class MarketSource(Protocol):
    """An endless (or finite, where documented) stream of market events in time order.

    `ts_ms` starts near 0 and rises for ever. A looped recording continues its time and keeps its
    prices. The first event after a loop is a snapshot.
    """

    def instruments(self) -> Sequence[InstrumentSpec]:
        """The instruments of the stream."""

    def events(self) -> Iterator[MarketEvent]:
        """The events of all instruments in time order."""

    def history(self) -> Mapping[tuple[Category, str], Past]:
        """The past of each instrument that has one, at least the last 24 hours."""


class Reject(PaperExchangeError):
    """The exchange refuses a request with a retCode. Nothing has changed."""

    def __init__(self, ret_code: int, ret_msg: str) -> None:
        super().__init__(f"{ret_code}: {ret_msg}")
        self.ret_code = ret_code
        self.ret_msg = ret_msg


@dataclass(frozen=True, slots=True)
class PrivateEvent:
    """One row for a private topic; `data` has exactly the fields of Bybit's stream record."""

    uid: str
    topic: Literal["order", "execution", "position", "wallet"]
    category: Category | None
    ts_ms: int
    data: Mapping[str, Any]


class Engine(Protocol):
    """The engine as the server uses it. It is synchronous and reads no clock.

    One thread calls it at a time. Parameters and records use Bybit's own field names and text
    formats, so that the server adds only envelope, authentication and transport. Every method may
    raise Reject. `now_ms` never goes back. Events appear in the order in which they happened.
    `on_print` gets each trade of an own order at the moment that it happens.
    """

    on_print: Callable[[Print], None]
    has_impact: bool
    """Whether own trades move prices. Without it every `shift` is 0."""

    def on_market(self, event: MarketEvent, ts_ms: int | None = None) -> None:
        """Applies a market event: fills makers, fires stops, checks margin.

        It happens at `ts_ms`. Default: at the event's own time.
        """

    def advance(self, now_ms: int) -> None:
        """Runs the effects due by `now_ms`: delayed orders, funding, visibility lags."""

    def next_due_ms(self) -> int | None:
        """The time at which `advance` next has something to do, in milliseconds."""

    def next_seq(self) -> int:
        """The next cross sequence. Books, trades and executions are numbered in one row."""

    def drain_events(self) -> list[PrivateEvent]:
        """Private events since the last call: order and execution, then position, then wallet."""

    def create_order(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Accepts a new order; returns its ids."""

    def amend_order(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Accepts an amendment; returns the order's ids."""

    def cancel_order(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Accepts a cancel; returns the order's ids."""

    def cancel_all(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        """Accepts the cancel of every selected order; returns their ids."""

    def open_orders(self, uid: str, params: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
        """`order/realtime` rows, newest first and unpaged, after realtime's visibility lag."""

    def order_history(
        self, uid: str, params: Mapping[str, Any], now_ms: int
    ) -> list[dict[str, Any]]:
        """Orders of a time window, newest first, as Bybit's rows."""

    def executions(self, uid: str, params: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
        """`execution/list` rows, newest first, unpaged, filtered by the given parameters."""

    def positions(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Positions as Bybit's rows."""

    def position_size(self, uid: str, symbol: str, idx: int) -> Decimal:
        """The signed size of a futures position in base units; 0 where there is none."""

    def wallet(self, uid: str) -> dict[str, Any]:
        """The unified account as Bybit's row."""

    def set_leverage(self, uid: str, params: Mapping[str, Any], now_ms: int) -> None:
        """Changes a symbol's leverage, one number for both sides."""

    def switch_mode(self, uid: str, params: Mapping[str, Any], now_ms: int) -> None:
        """Changes between one-way and hedge mode."""

    def trading_stop(self, uid: str, params: Mapping[str, Any], now_ms: int) -> None:
        """Sets or clears take-profit, stop-loss and trailing stop of a position."""

    def closed_pnl(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Closed profit and loss, newest first, as Bybit's rows."""

    def transaction_log(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The cash ledger, newest first, as Bybit's rows."""

    def pre_check(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The margin that an order needs. No order is placed."""

    def take_past(self, category: Category, symbol: str, day_volume: int) -> None:
        """Takes an instrument's volume of the day before the start, in steps."""

    def shift(self, category: Category, symbol: str) -> int:
        """The ticks by which the accounts' own impact moves all prices of an instrument."""

    def price_limit(self, category: Category, symbol: str) -> tuple[Decimal, Decimal]:
        """Highest buy and lowest sell price that the band allows now."""

    def book(
        self, category: Category, symbol: str, depth: int
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids (descending) and asks (ascending) in ticks and steps.

        They are the replay's less the size that takers used up, and the resting orders of all
        accounts.
        """

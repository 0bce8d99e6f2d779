"""The Exchange protocol: the calls that mlrisk makes to a venue, in mlrisk's own words.

Every method is synchronous and makes at most one request that changes anything. Errors are of
bot.errors only: ExchangeRefused (a definite no), Throttled or DependencyDown (provably not taken),
OutcomeUnknown (ask with `find_order` before anything else).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bot.market.bars import MinuteSource
from models.enums import OrderStatus, TradeSide, VenueReason


class OrderType(StrEnum):
    """The exchange's kinds of order."""

    LIMIT = "Limit"
    MARKET = "Market"


class TimeInForce(StrEnum):
    """How long an order rests: until cancelled (GTC, PostOnly) or not at all (IOC, FOK)."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


@dataclass(frozen=True, slots=True)
class Instrument:
    """Trading rules of one instrument. Quantities are in base units, notionals in quote."""

    symbol: str
    category: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    max_leverage: Decimal
    status: str
    price_limit_x: Decimal | None = None
    """Shares of the mark price that make the price band (`bot.execution.orders.price_band`); None
    when the venue doesn't publish them."""
    price_limit_y: Decimal | None = None
    funding_interval_minutes: int = 480


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """One order to place; `order_link_id` is deterministic and never reused."""

    order_link_id: str
    symbol: str
    side: TradeSide
    qty: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    price: Decimal | None
    reduce_only: bool
    closes_position: bool = False
    """Closes the whole position, for positions under the venue's smallest order. `qty` is its size
    as far as known."""


@dataclass(frozen=True, slots=True)
class StopIntent:
    """A protective stop to place: when the mark reaches its price, it closes the whole position at
    the market. It can only reduce."""

    order_link_id: str
    symbol: str
    side: TradeSide
    """The side that closes the position."""
    qty: Decimal
    """The size of the position as far as known."""
    trigger_price: Decimal


@dataclass(frozen=True, slots=True)
class OrderAck:
    """The exchange took the request. It does not mean that an order rests."""

    order_id: str
    order_link_id: str


class CancelOutcome(StrEnum):
    """The exchange's answer to a cancel."""

    TAKEN = "taken"
    """It takes effect shortly, unless the order fills before."""
    GONE = "gone"
    """The order had ended before: it was filled, cancelled, or never there."""


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """The exchange's record of an order."""

    order_id: str
    order_link_id: str
    symbol: str
    side: TradeSide
    qty: Decimal
    price: Decimal | None
    status: OrderStatus
    raw_status: str
    filled_qty: Decimal
    average_price: Decimal | None
    reduce_only: bool
    updated_at: datetime
    created_at: datetime | None = None
    """None: the record doesn't say."""
    reason: VenueReason = VenueReason.UNSTATED
    """Why it ended, where it has ended."""
    words: str = ""
    """The venue's own words on that, for the record alone."""
    trigger_price: Decimal | None = None
    """The price from which a stop order acts; None for any other order."""


TRADE, FUNDING = "Trade", "Funding"
"""Kinds of execution that are asked for by their names; stored, so never renamed."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution. `moves_position` is false for pure cash flows such as funding."""

    exec_id: str
    order_id: str
    order_link_id: str
    symbol: str
    side: TradeSide
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    is_maker: bool
    exec_type: str
    """TRADE, FUNDING, or else the venue's own word."""
    executed_at: datetime
    moves_position: bool = True
    venue_act: VenueReason | None = None
    """Why the venue made it of its own accord (LIQUIDATION, DELEVERAGING or SETTLEMENT); None:
    somebody's trade."""
    created_by: str = ""
    """The origin of its order in the venue's words, for the record alone."""
    other_fees: tuple[tuple[str, Decimal], ...] = ()
    """Further costs such as taxes, in coins other than the fee's."""

    @property
    def paid(self) -> tuple[tuple[str, Decimal], ...]:
        """All costs of the execution, by coin."""
        return ((self.fee_currency, self.fee), *self.other_fees)


@dataclass(frozen=True, slots=True)
class ExchangePosition:
    """Net position; `qty` is signed (long positive), `entry_price` None when flat."""

    symbol: str
    qty: Decimal
    entry_price: Decimal | None
    mark_price: Decimal | None
    unrealised_pnl: Decimal
    liquidation_price: Decimal | None
    leverage: Decimal | None


@dataclass(frozen=True, slots=True)
class UnreadableFact:
    """A row of the exchange that can't be read."""

    kind: str
    """`order`, `execution` or `position`."""
    key: str
    """The execution's id, the order's id, or the position's symbol."""
    symbol: str
    why: str
    row: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """Account totals in quote currency (USD value)."""

    equity: Decimal
    wallet_balance: Decimal
    available: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    unrealised_pnl: Decimal
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    """The exchange's value of one unit of each held coin."""
    settle_coin_only: bool = False
    """Whether the equity is of the settle coin alone, unmoved by other coins."""


@dataclass(frozen=True, slots=True)
class CoinPrice:
    """The price of one unit of a coin in the settle coin, and its source."""

    price: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class CashFlow:
    """Money that came into the account (positive amount) or left it without a trade."""

    flow_id: str
    kind: str
    currency: str
    amount: Decimal
    at: datetime


HEDGE_MODE = "hedge_mode"
"""The code of the refusal of an account in hedge mode."""
CLOCK_OFFSET = "clock_offset"
"""The code of the refusal of a clock that is too far from the exchange's."""


class Exchange(MinuteSource, Protocol):
    """One account at one venue."""

    def close(self) -> None:
        """Gives the connections back; the object can't be used afterwards."""

    @property
    def recv_window_ms(self) -> int:
        """The gateway refuses a request older than this, in milliseconds. It bounds an unknown
        outcome."""

    @property
    def adding_window_ms(self) -> int:
        """The same for an order that is not reduce-only; at most `recv_window_ms`. A halt is sealed
        once it has passed since the last claim, by the exchange's clock."""

    @property
    def max_clock_offset_ms(self) -> int:
        """The most by which the exchange's clock may differ from ours; `is_ready` refuses more. An
        exchange whose clock is behind ours accepts a request for so much longer."""

    def order_body(self, intent: OrderIntent) -> dict[str, object]:
        """The exact request that `place` will send; stored before it is sent (write-ahead).

        Its `qty` and `price`, where it has one, are plain decimal digits: they are compared with
        the venue's record of the order. Everything else is the venue's own."""

    def stop_body(self, intent: StopIntent) -> dict[str, object]:
        """The exact request of a protective stop, which `place` sends. Raises Refused when the
        venue has no such orders."""

    def place(self, body: Mapping[str, object], *, as_of: datetime | None = None) -> OrderAck:
        """Sends one order. `as_of` is the time of the request, now by default. The exchange refuses
        the request once `recv_window_ms` has passed since then, and one that is not reduce-only
        once `adding_window_ms` has passed."""

    def cancel(self, symbol: str, order_link_id: str) -> CancelOutcome:
        """Asks for the cancel; an order that is already gone is no error, and the outcome says
        so."""

    def cancel_all(self, symbol: str | None = None) -> Sequence[str]:
        """Cancels working orders (never protective stops); returns their order_link_ids."""

    def is_unexpected(self, ret_code: int) -> bool:
        """Whether the adapter does not expect this answer of the venue's to anything it sends:
        asked again, the venue would say the same."""

    def find_order(self, symbol: str, order_link_id: str) -> ExchangeOrder | None:
        """Looks in open orders and in history. None when the exchange shows no such order now."""

    def open_orders(self) -> Sequence[ExchangeOrder]:
        """Every order of the account that may still fill."""

    def conditional_orders(self) -> Sequence[ExchangeOrder]:
        """Every stop of the account that has not been triggered. They are no open orders."""

    def executions(
        self, *, since: datetime | None = None, order_link_id: str | None = None
    ) -> Sequence[Execution]:
        """All pages, oldest first, cash flows (funding) included."""

    def positions(self) -> Sequence[ExchangePosition]:
        """Every position of the account that is not flat."""

    def covers(self, symbol: str) -> bool:
        """Whether the lists cover this symbol: our category and settle coin."""

    def take_unreadable(self) -> Sequence[UnreadableFact]:
        """Unreadable rows that were left out of lists since the last call.

        Their facts are unknown, not absent.
        """

    def wallet(self) -> Wallet:
        """The account's equity and margin, in its settle coin."""

    def cash_flows(self, *, since: datetime) -> Sequence[CashFlow]:
        """Deposits, withdrawals and transfers, oldest first."""

    def coin_price(self, coin: str, at: datetime) -> CoinPrice | None:
        """A coin's price at a time: the close of the last minute that had ended by then, the same
        for every later question. None when the venue has no market of it."""

    def instruments(self) -> Sequence[Instrument]:
        """The trading rules of every listed instrument."""

    def marks(self) -> Mapping[str, Decimal]:
        """The venue's mark price of each symbol of our kind; asked without a key."""

    def minute_closes(self, symbol: str, *, count: int) -> Sequence[tuple[datetime, Decimal]]:
        """Start and closing price of the last finished minutes, oldest first: at most `count`, and
        at most as many as the venue tells at once."""

    def server_time(self) -> datetime:
        """The exchange's clock, UTC."""

    def account_uid(self) -> str:
        """The exchange's own id of the account that the keys belong to."""

    def is_ready(self, symbols: Sequence[str] = ()) -> None:
        """Checks that key, rights, account, clock and the position mode of these symbols are fit
        for trading. Raises Refused with every fault."""

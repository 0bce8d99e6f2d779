"""An order as the engine holds it, and the index of our own resting orders of a market."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from paper_exchange.engine.markets.instrument import Market

BUY: Final = 1
SELL: Final = -1
SIDE_NAME: Final = {BUY: "Buy", SELL: "Sell"}
SIDE_SIGN: Final = {"Buy": BUY, "Sell": SELL}

PENDING: Final = ""
"""The status of an acknowledged order before its effect. No record shows it."""
OPEN_STATUSES: Final = frozenset({"New", "PartiallyFilled", "Untriggered"})
FINAL_STATUSES: Final = frozenset(
    {"Rejected", "PartiallyFilledCanceled", "Filled", "Cancelled", "Deactivated"}
)


@dataclass(slots=True, eq=False)
class Trigger:
    """The price condition that makes a conditional order active."""

    price: int
    direction: int
    """1: when the reference rises to the price; 2: when it falls to it."""
    by: str = "LastPrice"


@dataclass(slots=True, eq=False)
class Exits:
    """Attached take-profit and stop-loss prices in ticks; None for no exit."""

    take_profit: int | None = None
    stop_loss: int | None = None
    tp_by: str = "LastPrice"
    sl_by: str = "LastPrice"
    mode: str = "Full"
    tp_limit: int | None = None
    sl_limit: int | None = None


@dataclass(slots=True, eq=False)
class Order:
    """An order. Prices are in ticks, quantities in steps, `value` in ticks x steps, times in ms."""

    uid: str
    market: "Market"
    order_id: str
    link_id: str
    side: int
    is_market: bool
    time_in_force: str
    price: int
    qty: int
    created_ms: int
    updated_ms: int
    reduce_only: bool = False
    close_on_trigger: bool = False
    position_idx: int = 0
    reduces: bool = False
    """The order may only shrink its position: reduce-only, or hedge mode's closing side."""
    smp_type: str = "None"
    smp_order_id: str = ""
    create_type: str = "CreateByUser"
    stop_order_type: str = ""
    held: bool = False
    """Whether a test holds the open order away from the book."""
    parent_link_id: str = ""
    """The orderLinkId of the order that an exit was attached to."""
    order_filter: str = "Order"
    market_unit: str = ""
    quote_budget: Decimal | None = None
    """The amount of quote coin that a spot market buy may spend when it is sized by value."""
    quote_left: Decimal = Decimal(0)
    slippage_type: str = ""
    slippage: str = ""
    trigger: Trigger | None = None
    exits: Exits | None = None
    last_on_created: int | None = None
    status: str = PENDING
    cancel_type: str = "UNKNOWN"
    reject_reason: str = "EC_NoError"
    filled: int = 0
    value: int = 0
    fees: dict[str, Decimal] = field(default_factory=dict)
    closed_pnl: Decimal = Decimal(0)
    closed_size: int = 0
    closed_entry_value: Decimal = Decimal(0)
    closed_exit_value: Decimal = Decimal(0)
    closed_open_fees: Decimal = Decimal(0)
    closed_close_fees: Decimal = Decimal(0)
    fill_count: int = 0
    exec_type: str = "Trade"
    ahead: int = 0
    """The displayed size at our level that must trade before us, in steps."""
    reserved_loss: Decimal = Decimal(0)
    locked: Decimal = Decimal(0)
    """The amount of its coin that a spot order holds."""
    slot: str = "active"
    """The capacity that the order counts against: active, stop or exit."""
    pair_id: str = ""
    """The order id of the other half of a take-profit and stop-loss pair."""
    counted: int = 0
    """The steps that the position's margin counts for this order."""
    versions: list[tuple[int, Mapping[str, object]]] = field(default_factory=list)
    """Past records with their times, kept only where a visibility lag shows them."""

    @property
    def leaves(self) -> int:
        """The quantity that may still fill, in steps."""
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        """Whether the order rests or waits for its trigger."""
        return self.status in OPEN_STATUSES

    @property
    def is_final(self) -> bool:
        """Whether the order has ended."""
        return self.status in FINAL_STATUSES

    @property
    def is_waiting(self) -> bool:
        """Whether the order is conditional and its trigger hasn't been reached."""
        return self.trigger is not None and self.status in (PENDING, "Untriggered")

    @property
    def is_spot(self) -> bool:
        """Whether the order is of a spot market."""
        return self.market.is_spot


class OwnSide:
    """Our resting orders of one side of one market: by price, then by time."""

    __slots__ = ("keys", "levels", "sign", "sizes", "traded")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, list[Order]] = {}
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}
        """The steps that our orders show at each price."""
        self.traded: dict[int, int] = {}
        """Traded size per level since its last update, so that it isn't counted as cancelled."""

    def add(self, order: Order) -> None:
        """Puts an order behind the others at its price."""
        level = self.levels.get(order.price)
        if level is None:
            self.levels[order.price] = [order]
            self.sizes[order.price] = order.leaves
            insort(self.keys, self.sign * order.price)
        else:
            level.append(order)
            self.sizes[order.price] += order.leaves

    def resize(self, price: int, steps: int) -> None:
        """Notes that a resting order shows `steps` more (negative: fewer) than before."""
        self.sizes[price] += steps

    def remove(self, order: Order) -> None:
        """Removes an order. Raises KeyError or ValueError when it does not rest here."""
        level = self.levels[order.price]
        level.remove(order)
        self.sizes[order.price] -= order.leaves
        if not level:
            del self.levels[order.price]
            del self.sizes[order.price]
            del self.keys[bisect_left(self.keys, self.sign * order.price)]
            self.traded.pop(order.price, None)

    def best(self) -> int | None:
        """The best price of our orders in ticks; None when none rests."""
        return self.sign * self.keys[-1] if self.keys else None

    def depth(self, count: int) -> list[tuple[int, int]]:
        """The first `count` levels with the size that our orders show, best first."""
        prices = (self.sign * key for key in reversed(self.keys[-count:]))
        return [(price, self.sizes[price]) for price in prices]

    def reached(self, price: int) -> list[int]:
        """Our levels that a trade at `price` reaches, best first."""
        keys = self.keys
        return [self.sign * key for key in reversed(keys[bisect_left(keys, self.sign * price) :])]

    def __iter__(self) -> Iterator[Order]:
        for level in self.levels.values():
            yield from level


class OwnOrders:
    """Our resting orders of a market."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = OwnSide(1)
        self.asks = OwnSide(-1)

    def same(self, side: int) -> OwnSide:
        """Our orders of the side: bids for +1, offers for -1."""
        return self.bids if side > 0 else self.asks

    def opposite(self, side: int) -> OwnSide:
        """Our orders of the other side: offers for +1, bids for -1."""
        return self.asks if side > 0 else self.bids

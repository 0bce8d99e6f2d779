"""The market of one instrument as the engine sees it: book, reference prices, price band."""

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from paper_exchange.engine.markets.book import Book, Level
from paper_exchange.engine.orders.order import OwnOrders
from paper_exchange.engine.orders.triggers import TriggerBook
from paper_exchange.types import Category, InstrumentSpec, MarkUpdate

if TYPE_CHECKING:
    from paper_exchange.engine.accounts.account import Position
    from paper_exchange.engine.markets.impact import ImpactModel

MarkRange = tuple[Decimal, Decimal]

SAMPLE_MS: Final = 1000
"""The interval between two samples of the premium.

The premium is an average over 30 s (linear) or 2 min (spot), so that a sample a second is enough.
"""
PREMIUM_WINDOW_MS: Final = {"linear": 30_000, "spot": 120_000}


class Market:
    """One market. The book and our orders are in ticks and steps; reference prices are Decimal.

    `tick` and `step` are the grid of the source's integers and never change. `spec` holds the
    filters in force, which may change.
    """

    __slots__ = (
        "_index",
        "_mark",
        "_premiums",
        "base",
        "book",
        "category",
        "checked_mid",
        "funding_rate",
        "grid",
        "holders",
        "impact",
        "is_spot",
        "last",
        "last_mid",
        "next_funding_ms",
        "next_sample_ms",
        "own",
        "quote",
        "resting",
        "spec",
        "step",
        "symbol",
        "tick",
        "trailing",
        "triggers",
        "unit",
    )

    def __init__(self, spec: InstrumentSpec) -> None:
        self.spec = self.grid = spec
        self.category: Category = spec.category
        self.is_spot = spec.category == "spot"
        self.symbol = spec.symbol
        self.base, self.quote = spec.base_coin, spec.quote_coin
        self.tick, self.step = spec.tick_size, spec.qty_step
        self.unit = self.tick * self.step
        """Quote value of one step at a price of one tick."""
        self.book = Book()
        self.own = OwnOrders()
        self.resting = 0
        self.impact: ImpactModel | None = None
        self.triggers = TriggerBook()
        self.trailing: dict[tuple[str, int], Position] = {}
        """Positions with a trailing stop, by uid and index."""
        self.holders: dict[str, MarkRange | None] = {}
        """Accounts with a position here, each with the range of marks in which it is safe."""
        self.last: int | None = None
        self.last_mid: int | None = None
        self.checked_mid: int | None = None
        self._mark: Decimal | None = None
        self._index: Decimal | None = None
        self.funding_rate = Decimal(0)
        self.next_funding_ms: int | None = None
        self.next_sample_ms = 0
        self._premiums: deque[tuple[int, Decimal]] = deque()

    def depth(self, side: int, count: int) -> list[Level]:
        """The first `count` levels of a side as everybody sees them: the replay's and ours."""
        levels, own = self.book.same(side).depth(count), self.own.same(side)
        if not own.keys:
            return levels
        sizes = dict(levels)
        for price, size in own.depth(count):
            sizes[price] = sizes.get(price, 0) + size
        return sorted(sizes.items(), reverse=side > 0)[:count]

    def best(self, side: int) -> int | None:
        """The best price of a side in ticks, of the replay's orders and ours; None without one."""
        levels = self.depth(side, 1)
        return levels[0][0] if levels else None

    def replace_spec(self, spec: InstrumentSpec) -> None:
        """Puts new filters in force. The source's integer grid stays the same."""
        if spec.tick_size % self.tick or spec.qty_step % self.step:
            raise ValueError(
                f"{spec.symbol}: tick {spec.tick_size} and step {spec.qty_step} must be multiples"
                f" of the source's {self.tick} and {self.step}"
            )
        self.spec = spec

    def take_reference(self, update: MarkUpdate) -> None:
        """Takes the mark price, index price and funding rate that an update carries."""
        if update.mark_price is not None:
            self._mark = update.mark_price
        if update.index_price is not None:
            self._index = update.index_price
        if update.funding_rate is not None:
            self.funding_rate = update.funding_rate

    @property
    def has_mark(self) -> bool:
        """Whether the source has given a mark price."""
        return self._mark is not None

    @property
    def index(self) -> Decimal | None:
        """The index price with our own impact; None while the source has given none."""
        return None if self._index is None else self._moved(self._index)

    def _moved(self, price: Decimal) -> Decimal:
        """A replayed price with our own impact on it. It stays positive."""
        shift = self.book.shift
        return max(self.tick, price + shift * self.tick) if shift else price

    def mid(self) -> Decimal | None:
        """The middle of the replayed best prices without our impact, or the last known one."""
        doubled = self.book.doubled_mid()
        if doubled is None:
            doubled = self.last_mid
        else:
            self.last_mid = doubled
        return None if doubled is None else doubled * self.tick / 2

    def mark(self) -> Decimal | None:
        """The mark price with our own impact: the source's, else the mid, else the last trade."""
        if self._mark is not None:
            return self._moved(self._mark)
        mid = self.mid()
        if mid is not None:
            return self._moved(mid)
        return None if self.last is None else self.last * self.tick

    def reference(self) -> Decimal | None:
        """The centre of the price band: the mark for futures, the index for spot."""
        if self.is_spot and self.index is not None:
            return self.index
        return self.mark()

    def sample_premium(self, now: int) -> None:
        """Adds a sample of the premium: mid less mark for futures, mid less index for spot."""
        self.next_sample_ms = now + SAMPLE_MS
        reference = self._index if self.is_spot else self._mark
        mid = self.mid()
        if reference is None or mid is None:
            return
        premiums = self._premiums
        premiums.append((now, mid - reference))
        oldest = now - PREMIUM_WINDOW_MS[self.category]
        while premiums[0][0] < oldest:
            premiums.popleft()

    def premium(self) -> Decimal:
        """The mean of the premium's samples, in the quote coin; 0 without samples."""
        if not self._premiums:
            return Decimal(0)
        return sum((value for _, value in self._premiums), Decimal(0)) / len(self._premiums)

    def band(self) -> tuple[Decimal, Decimal] | None:
        """The highest buy and the lowest sell price, unrounded. None without a reference price."""
        ref = self.reference()
        if ref is None:
            return None
        x, y = self.spec.price_limit_x, self.spec.price_limit_y
        premium, zero = self.premium(), Decimal(0)
        index = self.index if self.index is not None else ref
        if self.is_spot:
            high = min(max(index, index * (1 + x) + premium), index * (1 + y))
            low = max(min(index, index * (1 - x) + premium), index * (1 - y))
        else:
            high = min(ref * (1 + y), max(index, ref * (1 + x) + max(zero, premium)))
            low = max(ref * (1 - y), min(index, ref * (1 - x) + min(zero, premium)))
        return high, low

    def band_ticks(self) -> tuple[int, int] | None:
        """The band in ticks, rounded inwards to the present tick size."""
        band = self.band()
        if band is None:
            return None
        return self.floor_ticks(band[0]), self.ceil_ticks(band[1])

    def market_bound(self, side: int) -> int | None:
        """The limit price of a Market order: reference x (1 +- X), rounded toward the market.

        The price is in ticks.
        """
        ref = self.reference()
        if ref is None:
            return None
        x = self.spec.price_limit_x
        return self.floor_ticks(ref * (1 + x)) if side > 0 else self.ceil_ticks(ref * (1 - x))

    def floor_ticks(self, price: Decimal) -> int:
        """The price rounded down to the present tick size, in ticks of the source's grid."""
        return int(price // self.spec.tick_size) * int(self.spec.tick_size / self.tick)

    def ceil_ticks(self, price: Decimal) -> int:
        """The price rounded up to the present tick size, in ticks of the source's grid."""
        tick = self.spec.tick_size
        count = int(price // tick)
        if count * tick < price:
            count += 1
        return count * int(tick / self.tick)

    def price(self, ticks: int) -> Decimal:
        """Ticks as a price in the quote coin."""
        return ticks * self.tick

    def quantity(self, steps: int) -> Decimal:
        """Steps as a quantity in base units."""
        return steps * self.step

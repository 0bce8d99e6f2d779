"""One order book, built from a snapshot and its chain of changes; broken rather than wrong.

A gap in the chain, a crossed book or a negative quantity empties it: it has no prices until the
next snapshot, and decisions see that they are missing.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from heapq import nlargest, nsmallest

from bot.market.frames import BookFrame, Level
from models.enums import TradeSide

BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Walk:
    """The result of taking a quantity from one side of the book now.

    `cost_bps` is how far the average price is from the mid, on the side that hurts.
    """

    qty: Decimal
    notional: Decimal
    average_price: Decimal
    worst_price: Decimal
    missing_qty: Decimal
    cost_bps: Decimal


class OrderBook:
    """The book of one symbol, as deep as the frames that feed it."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.at: datetime | None = None
        """The exchange's time of the last frame that was taken."""
        self.gaps = 0
        """The number of times that it broke."""
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._update_id: int | None = None

    @property
    def is_valid(self) -> bool:
        """Whether a snapshot has come and the chain since then is unbroken."""
        return self._update_id is not None

    def apply(self, frame: BookFrame) -> bool:
        """Takes a frame; False when a fresh snapshot is needed now."""
        if frame.symbol != self.symbol:
            raise ValueError(f"a frame of {frame.symbol} for the book of {self.symbol}")
        if frame.is_snapshot:
            self._bids, self._asks = {}, {}
        elif self._update_id is None:
            return False
        elif frame.update_id <= self._update_id:
            return True  # sent twice, or older than the snapshot
        elif frame.update_id != self._update_id + 1:
            return self._break()
        if not (_change(self._bids, frame.bids) and _change(self._asks, frame.asks)):
            return self._break()
        self._update_id, self.at = frame.update_id, frame.at
        return True if not self._is_crossed() else self._break()

    def invalidate(self) -> None:
        """Forgets everything, for instance after a reconnection."""
        self._bids, self._asks, self._update_id = {}, {}, None

    def _break(self) -> bool:
        self.gaps += 1
        self.invalidate()
        return False

    def _is_crossed(self) -> bool:
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid >= ask

    @property
    def best_bid(self) -> Decimal | None:
        """The highest bid, in quote currency; None when there is none."""
        return max(self._bids, default=None)

    @property
    def best_ask(self) -> Decimal | None:
        """The lowest offer, in quote currency; None when there is none."""
        return min(self._asks, default=None)

    @property
    def mid(self) -> Decimal | None:
        """The middle of the best prices; None unless both sides exist."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    def bids(self, count: int | None = None) -> tuple[Level, ...]:
        """Best first."""
        return tuple(nlargest(len(self._bids) if count is None else count, self._bids.items()))

    def asks(self, count: int | None = None) -> tuple[Level, ...]:
        """Best first."""
        return tuple(nsmallest(len(self._asks) if count is None else count, self._asks.items()))

    def depth(self, side: TradeSide, bps: float) -> Decimal | None:
        """Quote notional resting within `bps` of the mid: bids for BUY, asks for SELL.

        It counts visible levels: a book of 50 levels can end before that distance. None without a
        mid.
        """
        mid = self.mid
        if mid is None:
            return None
        reach = mid * Decimal(str(bps)) / BPS
        levels = self._bids if side is TradeSide.BUY else self._asks
        near = (price * qty for price, qty in levels.items() if abs(price - mid) <= reach)
        return sum(near, Decimal(0))

    def walk(self, side: TradeSide, qty: Decimal) -> Walk | None:
        """The result for a taker of `side` and `qty`; None when nothing can be taken."""
        mid = self.mid
        levels = self.asks() if side is TradeSide.BUY else self.bids()
        if mid is None or qty <= 0:
            return None
        return walk(levels, side, qty, mid)

    def imbalance(self, count: int = 5) -> float | None:
        """(bid - ask) / (bid + ask) quantity of the best levels, in [-1, 1]."""
        bid = sum(qty for _, qty in self.bids(count))
        ask = sum(qty for _, qty in self.asks(count))
        return float((bid - ask) / (bid + ask)) if self.mid is not None else None


def walk(levels: tuple[Level, ...], side: TradeSide, qty: Decimal, mid: Decimal) -> Walk | None:
    """Takes `qty` from levels that are best first."""
    left, notional, worst = qty, Decimal(0), Decimal(0)
    for price, available in levels:
        if left <= 0:
            break
        taken = min(left, available)
        left, notional, worst = left - taken, notional + taken * price, price
    got = qty - left
    if got <= 0:
        return None
    average = notional / got
    return Walk(
        qty=got,
        notional=notional,
        average_price=average,
        worst_price=worst,
        missing_qty=left,
        cost_bps=(average - mid) / mid * BPS * side.sign,
    )


def _change(levels: dict[Decimal, Decimal], changes: tuple[Level, ...]) -> bool:
    """Sets or deletes levels; False at an impossible price or quantity."""
    for price, qty in changes:
        if price <= 0 or qty < 0:
            return False
        if qty:
            levels[price] = qty
        else:
            # An unknown level to delete was outside the visible depth.
            levels.pop(price, None)
    return True
